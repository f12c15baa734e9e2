/* Calls whose instructions are counted: `pairs KIND COUNT`. Each block is freed before the next is taken. */
#include <stdlib.h>
#include <string.h>

/* What is known to be looked at can't be left out. */
static void *volatile last;

static void use(void *block)
{
    *(volatile char *)block = 1;
    last = block;
}

static void malloc_pairs(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *block = malloc(64);
        use(block);
        free(block);
    }
}

static void calloc_pairs(size_t first, size_t sizes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *block = calloc(1, first + i % sizes);
        use(block);
        free(block);
    }
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    size_t pairs = strtoul(arguments[2], NULL, 10);
    if (strcmp(arguments[1], "malloc") == 0)
        malloc_pairs(pairs);
    else if (strcmp(arguments[1], "calloc") == 0)
        calloc_pairs(64, 1, pairs);
    else if (strcmp(arguments[1], "small-callocs") == 0)
        calloc_pairs(1, 256, pairs);
    else if (strcmp(arguments[1], "larger-callocs") == 0)
        calloc_pairs(257, 256, pairs);
    else
        return 2;
    return 0;
}
