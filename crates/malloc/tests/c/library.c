/* A library that is loaded while a program runs: it allocates when it is loaded and unloaded, and keeps a block per
 * thread in memory that the dynamic linker allocates. */
#include <stdlib.h>
#include <string.h>

static void *loaded;
static _Thread_local char kept[3000];

__attribute__((constructor)) static void load(void)
{
    loaded = malloc(5000);
}

__attribute__((destructor)) static void unload(void)
{
    free(loaded);
}

void *library_allocate(size_t size)
{
    memset(kept, 0x5A, sizeof kept);
    char *block = malloc(size);
    if (block)
        memcpy(block, kept, size);
    return block;
}
