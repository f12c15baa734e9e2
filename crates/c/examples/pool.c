/*
 * A program that keeps its own house: two parts of it allocate under their own tags, one of them forgets a block, and
 * a block is freed twice.
 *
 *     cargo build -p ntpool-c
 *     cc examples/pool.c -Iinclude -L<target>/debug -lntpool_c -o pool
 */
#include <inttypes.h>
#include <ntpool.h>
#include <stdio.h>
#include <string.h>

#define TAG_CONFIG NTPOOL_TAG('C', 'n', 'f', 'g')
#define TAG_LOG NTPOOL_TAG('L', 'o', 'g', ' ')

static void tag_text(uint32_t tag, char text[5]) {
    int place;
    for (place = 0; place < 4; place++) {
        char character = (char)(tag >> (8 * place) & 0xFF);
        text[place] = character >= ' ' && character <= '~' ? character : '.';
    }
    text[4] = '\0';
}

static int print_tag(const ntpool_tag_count *count, void *context) {
    static const char *const kinds[] = {"nonpaged", "nonpaged executable", "paged"};
    char text[5];
    (void)context;
    tag_text(count->tag, text);
    printf("%s %s: %" PRIu64 " allocated, %" PRIu64 " freed, %" PRIu64 " bytes live\n", text, kinds[count->kind],
           count->allocations, count->frees, count->bytes);
    return 0;
}

static int print_leak(const ntpool_block *block, void *context) {
    char text[5];
    int *leaks = context;
    tag_text(block->tag, text);
    printf("left behind: %zu bytes of %s\n", block->size, text);
    *leaks += 1;
    return 0;
}

static int free_and_tell(ntpool *pool, void *block, uint32_t tag) {
    ntpool_violation violation = ntpool_free(pool, block, tag);
    if (violation.status != NTPOOL_OK) {
        printf("%s: %s\n", violation.rule, violation.title);
        printf("Windows would stop with 0x%" PRIX32 " (0x%" PRIX64 ", 0x%" PRIX64 ", 0x%" PRIX64 ", ...)\n",
               violation.bug_check, violation.parameters[0], violation.parameters[1], violation.parameters[2]);
    }
    return violation.status;
}

/* Does its work with a pool on any memory; 0 when everything went as it should. */
static int run(ntpool *pool) {
    char *config = ntpool_allocate_zeroed(pool, 96, NTPOOL_NONPAGED, TAG_CONFIG);
    char *line = ntpool_allocate(pool, 200, NTPOOL_PAGED, TAG_LOG);
    void *page = ntpool_allocate_aligned(pool, 16384, 5000, NTPOOL_NONPAGED, TAG_CONFIG);
    int leaks = 0;

    if (config == NULL || line == NULL || page == NULL) {
        return 1;
    }
    strcpy(config, "answer=42");
    printf("config: %s, %zu bytes\n", config, ntpool_usable_size(pool, config));
    printf("aligned: %s\n", (uintptr_t)page % 16384 == 0 ? "yes" : "no");

    free_and_tell(pool, config, TAG_LOG);
    free_and_tell(pool, config, TAG_CONFIG);
    free_and_tell(pool, config, TAG_CONFIG);
    if (ntpool_find(pool, config, NULL) == NTPOOL_PLACE_FREED) {
        puts("the config has been freed");
    }
    free_and_tell(pool, page, NTPOOL_NO_TAG);

    ntpool_for_each_block(pool, print_leak, &leaks);
    return leaks == 1 && ntpool_check(pool, NULL, 0) == NTPOOL_OK ? 0 : 1;
}

int main(void) {
    static unsigned char memory[4 << 20];
    const ntpool_shares shares = {2, 0, 1};
    ntpool *pool;
    int32_t status = ntpool_create(16 << 20, &shares, &pool);
    int failed;

    if (status != NTPOOL_OK) {
        fprintf(stderr, "no pool: %s\n", ntpool_status_text(status));
        return 1;
    }
    failed = run(pool);
    ntpool_for_each_tag(pool, print_tag, NULL);
    printf("%" PRIu64 " block was left\n", ntpool_destroy(pool));

    status = ntpool_create_on(memory, sizeof memory, &shares, &pool);
    if (status != NTPOOL_OK) {
        fprintf(stderr, "no pool on an array: %s\n", ntpool_status_text(status));
        return 1;
    }
    puts("once more, on an array");
    failed |= run(pool);
    ntpool_destroy(pool);
    return failed;
}
