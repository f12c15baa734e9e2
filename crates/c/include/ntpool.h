/*
 * ntpool: the Windows NT kernel's memory pool as a library.
 *
 * A pool hands out blocks of any size from a fixed range of memory. Each block has a tag of four characters, under
 * which it is counted, and a kind: nonpaged, nonpaged executable, or paged. Everything that the pool knows lies apart
 * from the blocks, so an overrun can't forge it, and every free is looked up before anything changes: one that is no
 * claim to a live block is refused, and described as the stop that Windows would make of it.
 *
 * Rules for all functions
 * - Any thread may call them at any time, except ntpool_destroy, which must be the last to use its pool.
 * - A pool argument of NULL does nothing: NULL, zero, NTPOOL_PLACE_OUTSIDE or NTPOOL_BAD_ARGUMENT is returned.
 * - errno is neither set nor needed. Nothing is printed and nothing stops the program, except when the pool runs into
 *   metadata of its own that somebody wrote over: then it says so on the standard error and aborts.
 * - Returned texts are static: they live as long as the program and must not be freed.
 * - Callbacks may call every function of the pool but ntpool_destroy; they must return (no longjmp, no exception).
 *
 * Link with -lntpool_c; a static link under Linux needs -lpthread -ldl -lm behind it.
 */
#ifndef NTPOOL_H
#define NTPOOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pool. */
typedef struct ntpool ntpool;

/* The result of a function that can fail. */
enum {
    NTPOOL_OK = 0,
    /* The operating system has no memory of this size. */
    NTPOOL_NO_MEMORY = 1,
    /* The memory given does not hold the pool's own metadata and one page of blocks. */
    NTPOOL_TOO_SMALL = 2,
    /* An argument is NULL or a value that this header does not list. */
    NTPOOL_BAD_ARGUMENT = 3,
    /* The free is no claim to a live block; it was refused and nothing has changed. */
    NTPOOL_VIOLATION = 4,
    /* The pool's metadata contradicts itself: somebody wrote over it, or the pool is at fault. */
    NTPOOL_INCONSISTENT = 5
};

/* Kinds of pool. What memory of a kind may be used for is up to whoever owns the page tables; where the library maps
 * the memory itself, only nonpaged executable memory is executable, and no memory ever goes to disk. */
enum {
    NTPOOL_NONPAGED = 0,
    NTPOOL_NONPAGED_EXECUTE = 1,
    NTPOOL_PAGED = 2
};

/* What lies at an address. */
enum {
    /* A live block, whose bytes hold the address or which begins there. */
    NTPOOL_PLACE_LIVE = 0,
    /* A block that was freed; nothing has been allocated in its place since. */
    NTPOOL_PLACE_FREED = 1,
    /* Memory of the pool that belongs to no block. */
    NTPOOL_PLACE_UNUSED = 2,
    /* The pool's own metadata. */
    NTPOOL_PLACE_METADATA = 3,
    /* Nothing of this pool. */
    NTPOOL_PLACE_OUTSIDE = 4
};

/* Bytes in a page. */
#define NTPOOL_PAGE_SIZE 4096

/* The tag whose characters, in the order in which tools show them, are these. */
#define NTPOOL_TAG(a, b, c, d)                                                                                       \
    ((uint32_t)(unsigned char)(a) | (uint32_t)(unsigned char)(b) << 8 | (uint32_t)(unsigned char)(c) << 16 |          \
     (uint32_t)(unsigned char)(d) << 24)

/* No tag: an allocation is then counted under 'None', and a free compares nothing. */
#define NTPOOL_NO_TAG 0

/* How a pool's pages are divided between the kinds, as proportions; a kind with none has no pages. */
typedef struct ntpool_shares {
    uint32_t nonpaged;
    uint32_t nonpaged_execute;
    uint32_t paged;
} ntpool_shares;

/* A block. */
typedef struct ntpool_block {
    void *address;
    /* The bytes that were asked for; more where an alignment above 16 was. */
    size_t size;
    int32_t kind;
    uint32_t tag;
} ntpool_block;

/* The counters of one tag in one kind of pool. */
typedef struct ntpool_tag_count {
    uint32_t tag;
    int32_t kind;
    /* Allocations so far. */
    uint64_t allocations;
    /* Frees so far, never more. */
    uint64_t frees;
    /* The bytes in live blocks. */
    uint64_t bytes;
} ntpool_tag_count;

/* The pages of one kind of pool. */
typedef struct ntpool_usage {
    /* Pages with at least one live block. */
    uint64_t in_use;
    /* Pages that were ever in use. */
    uint64_t committed;
    /* Pages that may be in use at most. */
    uint64_t limit;
} ntpool_usage;

/* The outcome of a free. */
typedef struct ntpool_violation {
    /* NTPOOL_OK, and everything else is zero; or NTPOOL_VIOLATION or NTPOOL_BAD_ARGUMENT. */
    int32_t status;
    /* The code of the stop that Windows would make, and its four parameters. */
    uint32_t bug_check;
    uint64_t parameters[4];
    /* The address that the violation is about: the block's, where there is one. */
    uint64_t subject;
    /* The id of the rule that was broken, such as "pool.double-free", and what happened, as half a sentence. */
    const char *rule;
    const char *title;
} ntpool_violation;

/* Makes a pool on memory of its own, with room for about `capacity` bytes of blocks. `shares` of NULL gives
 * everything to nonpaged pool. Memory that is never used costs address space only.
 * Returns NTPOOL_OK and the pool in *pool; or NTPOOL_NO_MEMORY or NTPOOL_BAD_ARGUMENT (pool is NULL, or all shares are
 * zero), and NULL in *pool. */
int32_t ntpool_create(size_t capacity, const ntpool_shares *shares, ntpool **pool);

/* Makes a pool on `size` bytes of the caller's memory, which must stay usable, and be used by nobody else, until the
 * pool is destroyed. Only whole pages of it are used, a part of them for metadata: see ntpool_footprint.
 * Returns as ntpool_create, and NTPOOL_TOO_SMALL. */
int32_t ntpool_create_on(void *memory, size_t size, const ntpool_shares *shares, ntpool **pool);

/* The bytes that ntpool_create_on needs for about `capacity` bytes of blocks; 0 when all shares are zero. */
size_t ntpool_footprint(size_t capacity, const ntpool_shares *shares);

/* Ends a pool: the memory goes back to the operating system, or is the caller's again; no block may be used any more.
 * Returns how many blocks were still live. */
uint64_t ntpool_destroy(ntpool *pool);

/* Allocate a block of `size` bytes: as it comes, zeroed, or as it comes at a multiple of `alignment`, a power of two.
 * Every block begins at a multiple of 16 and, from a page on, at a page. A request of no bytes gets a block with an
 * address of its own.
 * Return NULL when the kind has no room left, is not in the list above, or `alignment` is no power of two. */
void *ntpool_allocate(ntpool *pool, size_t size, int32_t kind, uint32_t tag);
void *ntpool_allocate_zeroed(ntpool *pool, size_t size, int32_t kind, uint32_t tag);
void *ntpool_allocate_aligned(ntpool *pool, size_t alignment, size_t size, int32_t kind, uint32_t tag);

/* Frees a block. A tag other than NTPOOL_NO_TAG must be the one it was allocated with. Freeing NULL is a violation, as
 * it is in the kernel. */
ntpool_violation ntpool_free(ntpool *pool, void *block, uint32_t tag);

/* The bytes of a live block, given its address; 0 for every other address. */
size_t ntpool_usable_size(const ntpool *pool, const void *block);

/* What lies at an address: one of NTPOOL_PLACE_*. For a live or freed block `found`, unless NULL, tells which. */
int32_t ntpool_find(const ntpool *pool, const void *address, ntpool_block *found);

/* Calls `visit` with every live block, kind by kind, in the order of addresses, until it returns something other than
 * 0; returns that, or 0. Blocks allocated or freed meanwhile may be seen or not. */
int ntpool_for_each_block(const ntpool *pool, int (*visit)(const ntpool_block *block, void *context), void *context);

/* Calls `visit` with the counters of every tag and kind that ever had an allocation, until it returns something other
 * than 0; returns that, or 0. */
int ntpool_for_each_tag(const ntpool *pool, int (*visit)(const ntpool_tag_count *count, void *context),
                        void *context);

/* Tells the pages of a kind. Returns NTPOOL_OK or NTPOOL_BAD_ARGUMENT. */
int32_t ntpool_usage_of(const ntpool *pool, int32_t kind, ntpool_usage *usage);

/* Checks that the pool's metadata does not contradict itself, which takes a time that grows with the pool. Returns
 * NTPOOL_OK, NTPOOL_BAD_ARGUMENT, or NTPOOL_INCONSISTENT and, unless `text` is NULL, at most `text_size` bytes of a
 * sentence that says where, with the NUL that ends it. */
int32_t ntpool_check(const ntpool *pool, char *text, size_t text_size);

/* What a result of the list above means, as a sentence in lower case. */
const char *ntpool_status_text(int32_t status);

#ifdef __cplusplus
}
#endif

#endif
