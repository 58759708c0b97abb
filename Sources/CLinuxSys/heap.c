// Counts, or forbids, heap allocations after the daemon has taken all its memory. Works only where
// the linker sends every call here (--wrap=malloc …) and TCS_WRAP_HEAP is defined: in the static
// binaries. Elsewhere the functions exist and count nothing.

#include "CLinuxSys.h"

#include <stdlib.h>
#include <unistd.h>

#ifdef TCS_WRAP_HEAP
#include <stdatomic.h>

static atomic_int sealed;
static atomic_ullong allocations;

static void note(void) {
    if (!atomic_load_explicit(&sealed, memory_order_relaxed)) return;
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
#ifdef TCS_TRAP_ALLOCATIONS
    static const char words[] = "tinycot: a heap allocation was made after the seal\n";
    ssize_t written = write(2, words, sizeof words - 1);
    (void)written;
    abort();
#endif
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__real_memalign(size_t alignment, size_t bytes);
int __real_posix_memalign(void **memory, size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes) {
    note();
    return __real_malloc(bytes);
}
void *__wrap_calloc(size_t count, size_t bytes) {
    note();
    return __real_calloc(count, bytes);
}
void *__wrap_realloc(void *memory, size_t bytes) {
    note();
    return __real_realloc(memory, bytes);
}
void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
    note();
    return __real_aligned_alloc(alignment, bytes);
}
void *__wrap_memalign(size_t alignment, size_t bytes) {
    note();
    return __real_memalign(alignment, bytes);
}
int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes) {
    note();
    return __real_posix_memalign(memory, alignment, bytes);
}

void tcs_heap_seal(void) { atomic_store_explicit(&sealed, 1, memory_order_relaxed); }
uint64_t tcs_heap_allocations_after_seal(void) {
    return atomic_load_explicit(&allocations, memory_order_relaxed);
}
#else
void tcs_heap_seal(void) {}
uint64_t tcs_heap_allocations_after_seal(void) { return 0; }
#endif

void tcs_heap_probe(void) {
    void *volatile memory = malloc(16);
    free(memory);
}
