/* An allocator with all that the compiled fast paths must not have. It is looked at and never run. */
#include <stddef.h>
#include <string.h>

static char memory[4096];
static long lock;
__thread size_t used;

/* Reaches a thread-local word by a function. */
void *malloc(size_t size)
{
    used += size;
    return memory;
}

/* Calls, and keeps registers on the stack for it. */
void *calloc(size_t count, size_t size)
{
    void *block = malloc(count * size);
    memset(block, 0, count * size);
    return block;
}

/* Takes a lock by an exchange, gives it back by an instruction with the prefix. */
void free(void *block)
{
    (void)block;
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
        ;
    __atomic_fetch_sub(&lock, 1, __ATOMIC_RELEASE);
}
