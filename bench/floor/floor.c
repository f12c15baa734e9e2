/* floor: not an allocator to use but a yardstick: about the least that a
 * malloc/free reached through LD_PRELOAD can do when free gets only a pointer.
 * One thread-local free list per size class, no ownership, nothing returned,
 * no checks. The class is told from the address: each class has its own 4 GiB
 * slice of one reservation. Blocks of at most a page never cross a page (class
 * sizes divide a page or the page's tail is left unused), as in the pool.
 *
 * Cross-thread frees go to the freeing thread's list and, past 4096 blocks,
 * in one piece to a shared list per class, so producer/consumer runs are bounded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define NCLASS 64 /* slices; one for each class, and room */
#define SLICE_SHIFT 32
#define SLICE (1ull << SLICE_SHIFT)
#define MAXSMALL 65536
#define TLS __thread __attribute__((tls_model("initial-exec")))
#define EXPORT __attribute__((visibility("default")))
#define GIVE 4096

typedef struct node { struct node *next; struct node *chain; } node;

static const uint32_t csize[] = {
    16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 288, 336, 368, 400, 448,
    512, 576, 672, 816, 1024, 1360, 2048, 4096, 8192, 12288, 16384, 24576, 32768, 49152, 65536 };
#define NC (sizeof csize / sizeof csize[0])
static uint8_t class_of[MAXSMALL / 16 + 1];
static char *base;
static _Atomic uint64_t bump[NC];
static _Atomic(node *) shared[NC];
static atomic_int lock, ready;
typedef struct { node *head; uint32_t n; char *cur, *end; } tcache;
static TLS tcache tc[NC];

static void init(void) {
    while (atomic_exchange(&lock, 1)) ;
    if (!atomic_load(&ready)) {
        unsigned c = 0;
        for (unsigned i = 0; i <= MAXSMALL / 16; i++) {
            while (csize[c] < i * 16) c++;
            class_of[i] = c;
        }
        char *p = mmap(0, SLICE * (NCLASS + 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        base = (char *)(((uintptr_t)p + SLICE - 1) & ~(uintptr_t)(SLICE - 1));
        atomic_store(&ready, 1);
    }
    atomic_store(&lock, 0);
}

static __attribute__((noinline)) void *slow(unsigned c) {
    if (!atomic_load_explicit(&ready, memory_order_acquire)) init();
    tcache *t = &tc[c];
    while (atomic_exchange_explicit(&lock, 1, memory_order_acquire)) ;
    node *n = atomic_load_explicit(&shared[c], memory_order_relaxed);
    if (n) atomic_store_explicit(&shared[c], n->chain, memory_order_relaxed);
    atomic_store_explicit(&lock, 0, memory_order_release);
    if (n) { t->head = n->next; t->n = GIVE - 1; return n; }
    uint32_t s = csize[c];
    if (t->cur == t->end) {
        uint32_t span = s > 4096 ? s : 16384;
        uint64_t o = atomic_fetch_add(&bump[c], span);
        t->cur = base + c * SLICE + o;
        t->end = t->cur + span;
    }
    if (s > 4096) { char *p = t->cur; t->cur = t->end; return p; }
    /* carve one page */
    uint32_t k = 4096 / s;
    char *p = t->cur;
    t->cur += 4096;
    node *h = 0;
    for (uint32_t i = k; i-- > 1;) { node *b = (node *)(p + i * s); b->next = h; h = b; }
    t->head = h;
    t->n = k - 1;
    return p;
}

static __attribute__((noinline)) void give(unsigned c) {
    tcache *t = &tc[c];
    node *h = t->head;
    t->head = 0;
    t->n = 0;
    while (atomic_exchange_explicit(&lock, 1, memory_order_acquire)) ;
    h->chain = atomic_load_explicit(&shared[c], memory_order_relaxed);
    atomic_store_explicit(&shared[c], h, memory_order_relaxed);
    atomic_store_explicit(&lock, 0, memory_order_release);
}

static __attribute__((noinline)) void *big(size_t al, size_t n) {
    if (!atomic_load_explicit(&ready, memory_order_acquire)) init();
    if (al < 4096) al = 4096;
    size_t len = ((n + 4095) & ~(size_t)4095) + al;
    char *p = mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) { errno = ENOMEM; return 0; }
    char *q = (char *)(((uintptr_t)p + al) & ~(uintptr_t)(al - 1));
    ((size_t *)q)[-1] = len;
    ((char **)q)[-2] = p;
    return q;
}

static inline __attribute__((always_inline)) void *get(size_t n, int zero) {
    if (LIKELY(n <= MAXSMALL)) {
        unsigned c = class_of[(n + 15) >> 4];
        tcache *t = &tc[c];
        node *b = t->head;
        if (LIKELY(b != 0)) { t->head = b->next; t->n--; }
        else { b = slow(c = atomic_load_explicit(&ready, memory_order_acquire) ? c : (init(), class_of[(n + 15) >> 4])); }
        if (zero) memset(b, 0, (n + 15) & ~(size_t)15);
        return b;
    }
    return big(4096, n);
}

EXPORT size_t bench_noop(size_t x) { return x; }
EXPORT void *malloc(size_t n) { return get(n, 0); }
EXPORT void *calloc(size_t a, size_t b) {
    size_t n;
    if (__builtin_mul_overflow(a, b, &n)) { errno = ENOMEM; return 0; }
    return get(n, 1);
}
EXPORT void free(void *p) {
    if (!p) return;
    uintptr_t o = (uintptr_t)p - (uintptr_t)base;
    unsigned c = o >> SLICE_SHIFT;
    if (LIKELY(c < NC)) {
        tcache *t = &tc[c];
        node *b = p;
        b->next = t->head;
        t->head = b;
        if (__builtin_expect(++t->n == GIVE, 0)) give(c);
        return;
    }
    munmap(((char **)p)[-2], ((size_t *)p)[-1]);
}
EXPORT size_t malloc_usable_size(void *p) {
    if (!p) return 0;
    unsigned c = ((uintptr_t)p - (uintptr_t)base) >> SLICE_SHIFT;
    return c < NC ? csize[c] : ((size_t *)p)[-1] - ((char *)p - ((char **)p)[-2]);
}
EXPORT void *realloc(void *p, size_t n) {
    if (!p) return malloc(n);
    size_t o = malloc_usable_size(p);
    if (n <= o && n > o / 2) return p;
    void *q = malloc(n);
    if (q) { memcpy(q, p, o < n ? o : n); free(p); }
    return q;
}
EXPORT void *aligned_alloc(size_t a, size_t n) {
    if (a <= 16) return malloc(n);
    /* classes that are powers of two are aligned to their size up to a page */
    if (a <= 4096) {
        size_t m = n < a ? a : n;
        if (m <= 4096) m = (size_t)1 << (64 - __builtin_clzl(m - 1));
        return malloc(m);
    }
    return big(a, n);
}
EXPORT void *memalign(size_t a, size_t n) { return aligned_alloc(a, n); }
EXPORT int posix_memalign(void **r, size_t a, size_t n) { *r = aligned_alloc(a, n); return *r ? 0 : ENOMEM; }
EXPORT void *valloc(size_t n) { return aligned_alloc(4096, n); }
