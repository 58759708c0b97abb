// Words that two threads share. A release store publishes what was written before it; an acquire
// load that sees it sees that, too. Functions and not macros, so that ThreadSanitizer, which
// follows compiled C but not what Swift imports from a header, knows of every access.

#include "CLinuxSys.h"

uint32_t tcs_load32(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
void tcs_store32(uint32_t *word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
uint64_t tcs_load64(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
void tcs_store64(uint64_t *word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
void tcs_add64(uint64_t *word, uint64_t more) {
    __atomic_fetch_add(word, more, __ATOMIC_RELAXED);
}
