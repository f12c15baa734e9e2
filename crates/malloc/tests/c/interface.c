/* Checks of the C allocator interface. `interface CHECK` runs one; it prints "ok" or says what was wrong.
 *
 * Compiled with -fno-builtin: the compiler knows what malloc is and would take calls away. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: %s\n", __func__, __LINE__, #what); \
            _exit(1); \
        } \
    } while (0)

extern char **environ;

static const char *library;

static int is_aligned(const void *block, size_t alignment)
{
    return (uintptr_t)block % alignment == 0;
}

static int has_only(const unsigned char *block, unsigned char byte, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (block[i] != byte)
            return 0;
    return 1;
}

static unsigned next_number(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Replaces blocks of a set at random and looks after each one's bytes. */
static void replace_blocks(unsigned seed, int rounds)
{
    enum { COUNT = 200 };
    unsigned char *blocks[COUNT] = { 0 };
    size_t sizes[COUNT] = { 0 };
    for (int round = 0; round < rounds; round++) {
        int at = next_number(&seed) % COUNT;
        CHECK(has_only(blocks[at], (unsigned char)at, sizes[at]));
        size_t size = next_number(&seed) % (round % 50 == 0 ? 100000 : 700);
        switch (next_number(&seed) % 4) {
        case 0:
            free(blocks[at]);
            blocks[at] = calloc(1, size);
            CHECK(blocks[at] && has_only(blocks[at], 0, size));
            break;
        case 1: {
            size_t kept = size < sizes[at] ? size : sizes[at];
            unsigned char *moved = realloc(blocks[at], size + 1);
            CHECK(moved && has_only(moved, (unsigned char)at, kept));
            blocks[at] = moved;
            break;
        }
        case 2:
            free(blocks[at]);
            blocks[at] = memalign((size_t)16 << next_number(&seed) % 5, size);
            CHECK(blocks[at]);
            break;
        default:
            free(blocks[at]);
            blocks[at] = malloc(size);
            CHECK(blocks[at]);
        }
        sizes[at] = size;
        memset(blocks[at], at, size);
    }
    for (int at = 0; at < COUNT; at++) {
        CHECK(has_only(blocks[at], (unsigned char)at, sizes[at]));
        free(blocks[at]);
    }
}

static void contents(void)
{
    unsigned char *all[4000];
    for (int i = 0; i < 4000; i++) {
        all[i] = malloc(i * 3);
        CHECK(all[i] && is_aligned(all[i], 16) && malloc_usable_size(all[i]) >= (size_t)i * 3);
        memset(all[i], i, malloc_usable_size(all[i]));
    }
    for (int i = 0; i < 4000; i++)
        CHECK(has_only(all[i], (unsigned char)i, malloc_usable_size(all[i])));
    for (int i = 0; i < 4000; i++)
        free(all[i]);
    for (int i = 0; i < 4000; i++) {
        all[i] = calloc(i, 3);
        CHECK(all[i] && has_only(all[i], 0, (size_t)i * 3));
    }
    for (int i = 0; i < 4000; i++)
        free(all[i]);

    unsigned char *grown = NULL;
    for (size_t size = 1; size < 3000000; size = size * 5 / 3 + 1) {
        size_t before = size * 3 / 5;
        grown = realloc(grown, size);
        CHECK(grown && (size == 1 || has_only(grown, 0xA5, before < size ? before / 2 : size)));
        memset(grown, 0xA5, size);
    }
    for (size_t size = 2000000; size > 0; size /= 3) {
        grown = realloc(grown, size);
        CHECK(grown && has_only(grown, 0xA5, size));
    }
    free(grown);
    replace_blocks(1, 50000);
}

static void alignment(void)
{
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 1000, 4095, 4096, 4097, 20000, 1000000 };
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        size_t size = sizes[at];
        for (size_t alignment = 1; alignment <= (1 << 20); alignment *= 2) {
            void *block = aligned_alloc(alignment, size);
            CHECK(block && is_aligned(block, alignment) && malloc_usable_size(block) >= size);
            memset(block, 1, size);
            void *other = memalign(alignment, size);
            CHECK(other && other != block && is_aligned(other, alignment));
            memset(other, 2, size);
            CHECK(has_only(block, 1, size));
            if (alignment >= sizeof(void *)) {
                void *third = NULL;
                CHECK(posix_memalign(&third, alignment, size) == 0);
                CHECK(third && is_aligned(third, alignment));
                memset(third, 3, size);
                third = realloc(third, size + 100);
                CHECK(third && has_only(third, 3, size));
                free(third);
            }
            free(block);
            CHECK(has_only(other, 2, size));
            free(other);
        }
        void *odd = memalign(48, size);
        CHECK(odd && is_aligned(odd, 64));
        free(odd);
        void *page = valloc(size);
        CHECK(page && is_aligned(page, 4096) && malloc_usable_size(page) >= size);
        free(page);
        page = pvalloc(size);
        CHECK(page && is_aligned(page, 4096) && malloc_usable_size(page) >= (size + 4095) / 4096 * 4096);
        CHECK(malloc_usable_size(page) >= 4096);
        free(page);
    }
}

static void errors(void)
{
    volatile size_t huge = SIZE_MAX, half = PTRDIFF_MAX, four_gib = (size_t)1 << 32;
    int other;
    void *const untouched = &other;
    void *block = malloc(100);
    memset(block, 7, 100);
#define FAILS(call, number) \
    do { \
        errno = 0; \
        CHECK((call) == NULL); \
        CHECK(errno == number); \
    } while (0)
    FAILS(malloc(huge), ENOMEM);
    FAILS(malloc(half + 1), ENOMEM);
    FAILS(malloc(half), ENOMEM);
    FAILS(calloc(1, huge), ENOMEM);
    FAILS(calloc(half, 3), ENOMEM);
    FAILS(calloc(four_gib, four_gib), ENOMEM);
    FAILS(realloc(NULL, huge), ENOMEM);
    FAILS(realloc(block, huge), ENOMEM);
    FAILS(realloc(block, half), ENOMEM);
    FAILS(reallocarray(block, half, 3), ENOMEM);
    FAILS(reallocarray(block, four_gib, four_gib), ENOMEM);
    FAILS(reallocarray(NULL, huge, 2), ENOMEM);
    FAILS(aligned_alloc(64, huge), ENOMEM);
    FAILS(aligned_alloc(24, 64), EINVAL);
    FAILS(aligned_alloc(0, 64), EINVAL);
    FAILS(memalign(64, huge), ENOMEM);
    FAILS(memalign(half + 3, 64), EINVAL);
    FAILS(memalign((size_t)1 << 60, 64), ENOMEM);
    FAILS(valloc(huge), ENOMEM);
    FAILS(pvalloc(huge), ENOMEM);
    CHECK(has_only(block, 7, 100));

    void *place = untouched;
    errno = 77;
    CHECK(posix_memalign(&place, 24, 64) == EINVAL);
    CHECK(posix_memalign(&place, 4, 64) == EINVAL);
    CHECK(posix_memalign(&place, 0, 64) == EINVAL);
    CHECK(posix_memalign(&place, 64, huge) == ENOMEM);
    CHECK(place == untouched && errno == 77);

    void *large = malloc(10 << 20);
    errno = 77;
    free(block);
    free(large);
    free(NULL);
    CHECK(errno == 77);
}

static void zero_sizes(void)
{
    void *blocks[1000];
    for (int i = 0; i < 1000; i++) {
        blocks[i] = i % 2 ? malloc(0) : calloc(0, 8);
        CHECK(blocks[i]);
        for (int other = 0; other < i; other++)
            CHECK(blocks[i] != blocks[other]);
    }
    for (int i = 0; i < 1000; i++)
        free(blocks[i]);
    CHECK(malloc_usable_size(NULL) == 0);
    void *block = realloc(NULL, 10);
    CHECK(block);
    CHECK(realloc(block, 0) == NULL);
    block = realloc(NULL, 0);
    CHECK(block);
    CHECK(reallocarray(block, 0, 10) == NULL);
    block = reallocarray(NULL, 10, 10);
    CHECK(block && malloc_usable_size(block) >= 100);
    free(block);
    int trimmed = malloc_trim(0);
    CHECK(trimmed == 0 || trimmed == 1);
}

static void *replace_in_thread(void *seed)
{
    replace_blocks((unsigned)(uintptr_t)seed, 300);
    return malloc((size_t)(uintptr_t)seed % 5000);
}

/* Threads come and go, 200 at a time, and leave a block behind each. */
static void thread_churn(void)
{
    pthread_t threads[200];
    for (uintptr_t round = 0; round < 5; round++) {
        for (uintptr_t i = 0; i < 200; i++)
            CHECK(pthread_create(&threads[i], NULL, replace_in_thread, (void *)(round * 200 + i)) == 0);
        for (int i = 0; i < 200; i++) {
            void *left;
            CHECK(pthread_join(threads[i], &left) == 0 && left);
            free(left);
        }
    }
}

static pthread_barrier_t barrier;

static void *stay_and_replace(void *seed)
{
    void *block = malloc(10);
    CHECK(block);
    pthread_barrier_wait(&barrier);
    replace_blocks((unsigned)(uintptr_t)seed, 100);
    pthread_barrier_wait(&barrier);
    free(block);
    return NULL;
}

/* More threads at one time than the allocator has shards of their own for. */
static void more_threads_than_shards(void)
{
    enum { COUNT = 400 };
    pthread_t threads[COUNT];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 << 10);
    pthread_barrier_init(&barrier, NULL, COUNT);
    for (uintptr_t i = 0; i < COUNT; i++)
        CHECK(pthread_create(&threads[i], &small, stay_and_replace, (void *)i) == 0);
    for (int i = 0; i < COUNT; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

enum { QUEUE = 1024, BLOCKS = 200000 };
static _Atomic(unsigned char *) queue[QUEUE];

static void *take_and_free(void *unused)
{
    for (int i = 0; i < BLOCKS; i++) {
        unsigned char *block;
        while (!(block = atomic_exchange(&queue[i % QUEUE], NULL)))
            sched_yield();
        CHECK(has_only(block + 1, block[0], block[0]));
        free(block);
    }
    return unused;
}

static void free_in_another_thread(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, take_and_free, NULL) == 0);
    for (int i = 0; i < BLOCKS; i++) {
        unsigned char *block = malloc(i % 256 + 1), *none;
        CHECK(block);
        memset(block, i % 256, i % 256 + 1);
        do {
            none = NULL;
            if (!atomic_compare_exchange_strong(&queue[i % QUEUE], &none, block))
                sched_yield();
        } while (none);
    }
    CHECK(pthread_join(thread, NULL) == 0);
}

static pthread_key_t keys[4];
static atomic_int destroyed;

/* Frees what the thread kept, allocates more, and asks for another round. */
static void destroy(void *kept)
{
    int round = *(int *)kept;
    free(kept);
    int *more = malloc(1000);
    CHECK(more);
    atomic_fetch_add(&destroyed, 1);
    if (round < 3) {
        *more = round + 1;
        CHECK(pthread_setspecific(keys[0], more) == 0);
    } else {
        free(more);
    }
}

static void free_kept(void *kept)
{
    free(kept);
    atomic_fetch_add(&destroyed, 1);
}

static void *keep(void *unused)
{
    int *kept = malloc(sizeof *kept);
    CHECK(kept);
    *kept = 1;
    CHECK(pthread_setspecific(keys[0], kept) == 0);
    for (int i = 1; i < 4; i++)
        CHECK(pthread_setspecific(keys[i], malloc(100)) == 0);
    return unused;
}

static void thread_local_destructors(void)
{
    CHECK(pthread_key_create(&keys[0], destroy) == 0);
    for (int i = 1; i < 4; i++)
        CHECK(pthread_key_create(&keys[i], free_kept) == 0);
    /* One after the other: each but the first takes over what the one before left. */
    for (int i = 0; i < 1000; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, keep, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    CHECK(atomic_load(&destroyed) == 1000 * (3 + 3));
}

static atomic_int stop;

static void *replace_until_stopped(void *seed)
{
    unsigned number = (unsigned)(uintptr_t)seed;
    while (!atomic_load(&stop))
        replace_blocks(number++, 50);
    return NULL;
}

/* What a forked child does: it frees its parent's blocks, and goes on with threads of its own. */
static void live_as_child(void **blocks, int count)
{
    alarm(60);
    for (int i = 0; i < count; i++) {
        CHECK(has_only(blocks[i], (unsigned char)i, 100));
        free(blocks[i]);
    }
    replace_blocks(3, 200);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, replace_in_thread, (void *)9) == 0);
    void *left;
    CHECK(pthread_join(thread, &left) == 0 && left);
    free(left);
}

static void fork_once(int depth)
{
    enum { COUNT = 50 };
    void *blocks[COUNT];
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = malloc(100);
        CHECK(blocks[i]);
        memset(blocks[i], i, 100);
    }
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        live_as_child(blocks, COUNT);
        if (depth > 0)
            fork_once(depth - 1);
        _exit(0);
    }
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void forks_beside_threads(void)
{
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, replace_until_stopped, (void *)i) == 0);
    for (int i = 0; i < 100; i++)
        fork_once(i % 10 == 0);
    atomic_store(&stop, 1);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void *fork_some(void *unused)
{
    for (int i = 0; i < 10; i++)
        fork_once(0);
    return unused;
}

/* Several threads fork at once, and end. */
static void threads_that_fork(void)
{
    pthread_t threads[8];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++)
            CHECK(pthread_create(&threads[i], NULL, fork_some, NULL) == 0);
        for (int i = 0; i < 8; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static void *fork_handler_block;

static void allocate_at_fork(void)
{
    void *block = malloc(300);
    CHECK(block);
    free(fork_handler_block);
    fork_handler_block = block;
}

/* Fork handlers of others may allocate. */
static void fork_handlers(void)
{
    CHECK(pthread_atfork(allocate_at_fork, allocate_at_fork, allocate_at_fork) == 0);
    forks_beside_threads();
}

static void spawned_programs(void)
{
    for (int i = 0; i < 20; i++) {
        char *arguments[] = { "true", NULL };
        pid_t child;
        int status;
        CHECK(posix_spawnp(&child, "true", NULL, NULL, arguments, environ) == 0);
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        CHECK(system("test $(echo a | tr a b) = b") == 0);
    }
}

static void *early_blocks[3];

static void allocate_before_constructors(void)
{
    early_blocks[0] = malloc(1000);
}

__attribute__((section(".preinit_array"), used))
static void (*const before_constructors)(void) = allocate_before_constructors;

__attribute__((constructor(101))) static void allocate_first(void)
{
    early_blocks[1] = calloc(10, 100);
}

__attribute__((constructor)) static void allocate_early(void)
{
    early_blocks[2] = realloc(malloc(10), 1000);
}

__attribute__((destructor)) static void free_late(void)
{
    for (int i = 0; i < 3; i++)
        free(early_blocks[i]);
    free(malloc(100));
}

static void early_and_late(void)
{
    for (int i = 0; i < 3; i++)
        CHECK(early_blocks[i] && malloc_usable_size(early_blocks[i]) >= 1000);
}

typedef void *(*allocate_function)(size_t);

static void *use_library(void *unused)
{
    for (int i = 0; i < 20; i++) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        CHECK(handle);
        allocate_function allocate = (allocate_function)(uintptr_t)dlsym(handle, "library_allocate");
        CHECK(allocate);
        unsigned char *block = allocate(500);
        CHECK(block && has_only(block, 0x5A, 500));
        CHECK(dlclose(handle) == 0);
        CHECK(has_only(block, 0x5A, 500));
        free(block);
    }
    return unused;
}

static void opened_library(void)
{
    pthread_t threads[8];
    use_library(NULL);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, use_library, NULL) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static long resident_pages(void)
{
    long all, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%ld %ld", &all, &resident) == 2);
    fclose(file);
    return resident;
}

static void memory_goes_back(void)
{
    const size_t size = 64 << 20, pages = size / 4096;
    long before = resident_pages();
    for (int i = 0; i < 3; i++) {
        unsigned char *block = i % 2 ? memalign(1 << 21, size) : malloc(size);
        CHECK(block);
        memset(block, 1, size);
        CHECK(resident_pages() >= before + (long)pages);
        free(block);
        if (i == 2) {
            CHECK(malloc_trim(0) == 1);
        } else {
            /* Without being asked: after a while, as the process goes on allocating. */
            for (int look = 0; look < 20; look++) {
                usleep(30 * 1000);
                for (int turn = 0; turn < 300; turn++)
                    free(malloc(100));
            }
        }
        CHECK(resident_pages() < before + (long)pages / 8);
    }
}

static void exhaustion(void)
{
    enum { MOST = 1 << 20 };
    static void *blocks[MOST];
    const size_t size = 16 << 20;
    int count = 0;
    errno = 0;
    while (count < MOST && (blocks[count] = malloc(size)))
        count++;
    CHECK(count > 0 && count < MOST && errno == ENOMEM);
    void *small = malloc(10);
    for (int i = 0; i < count; i++)
        free(blocks[i]);
    CHECK((small || count > 1) && (blocks[0] = malloc(size)));
    free(blocks[0]);
    free(small);
    replace_blocks(5, 1000);
}

static void leave_blocks(void)
{
    static void *left[10];
    for (int i = 0; i < 10; i++)
        left[i] = malloc(1000);
    CHECK(left[9]);
}

static void count_alarm(int signal)
{
    (void)signal;
    raise(SIGUSR2);
}

/* Asks for the table of tags a thousand times a second, wherever a thread happens to be. */
static void signal_storm(void)
{
    struct sigaction action = { .sa_handler = count_alarm, .sa_flags = SA_RESTART };
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    pthread_t threads[3];
    for (uintptr_t i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, replace_until_stopped, (void *)i) == 0);
    struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { 0 };
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int i = 0; i < 20; i++) {
        replace_blocks(i, 2000);
        fork_once(0);
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void free_twice(void)
{
    void *volatile block = malloc(100);
    free(block);
    free(block);
}

static void free_inside(void)
{
    char *volatile block = malloc(100);
    free(block + 16);
}

static void write_behind(void)
{
    volatile char *block = malloc(100);
    block[100] ^= 1;
    free((void *)block);
}

/* The size that is wanted last is the one whose end is watched. */
static void write_behind_resized(void)
{
    char *block = malloc(100);
    volatile char *smaller = realloc(block, 60);
    smaller[60] ^= 1;
    free((void *)smaller);
}

static void write_behind_aligned(void)
{
    void *block = NULL;
    if (posix_memalign(&block, 64, 10) != 0)
        return;
    ((volatile char *)block)[20] ^= 1;
    free(block);
}

static void write_after_free(void)
{
    volatile char *block = malloc(100);
    free((void *)block);
    block[40] ^= 1;
    /* It is kept back for a while, and then handed out as chance has it. */
    for (int turn = 0; turn < 100000; turn++)
        free(malloc(100));
}

static void free_foreign(void)
{
    char foreign[64];
    char *volatile block = foreign;
    free(block);
}

static void realloc_foreign(void)
{
    char foreign[64];
    char *volatile block = foreign;
    block = realloc(block, 100);
}

static const struct {
    const char *name;
    void (*run)(void);
} checks[] = {
    { "contents", contents },
    { "alignment", alignment },
    { "errors", errors },
    { "zero-sizes", zero_sizes },
    { "thread-churn", thread_churn },
    { "more-threads-than-shards", more_threads_than_shards },
    { "free-in-another-thread", free_in_another_thread },
    { "thread-local-destructors", thread_local_destructors },
    { "forks-beside-threads", forks_beside_threads },
    { "threads-that-fork", threads_that_fork },
    { "fork-handlers", fork_handlers },
    { "spawned-programs", spawned_programs },
    { "early-and-late", early_and_late },
    { "opened-library", opened_library },
    { "memory-goes-back", memory_goes_back },
    { "exhaustion", exhaustion },
    { "leave-blocks", leave_blocks },
    { "signal-storm", signal_storm },
    { "free-twice", free_twice },
    { "free-inside", free_inside },
    { "write-behind", write_behind },
    { "write-behind-resized", write_behind_resized },
    { "write-behind-aligned", write_behind_aligned },
    { "write-after-free", write_after_free },
    { "free-foreign", free_foreign },
    { "realloc-foreign", realloc_foreign },
};

int main(int count, char **arguments)
{
    CHECK(count >= 2);
    library = arguments[2];
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (strcmp(checks[i].name, arguments[1]) == 0) {
            checks[i].run();
            puts("ok");
            return 0;
        }
    }
    fprintf(stderr, "no check is called %s\n", arguments[1]);
    return 2;
}
