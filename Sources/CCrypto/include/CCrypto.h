// SHA-256 of libcrypto, for Swift. One function is one call and decides nothing. The context lies
// in the caller's memory: nothing is allocated. No header of a C library is included, because the
// Embedded arm64 build reads this file without.
#ifndef CCRYPTO_H
#define CCRYPTO_H

#include <stddef.h>
#include <stdint.h>

/// As large as libcrypto's SHA256_CTX; the C file is not compiled if it is not.
typedef struct {
    uint64_t words[14];
} tcc_sha256;

// All three return 1; libcrypto documents no way for them to fail.
int32_t tcc_sha256_init(tcc_sha256 *context);
int32_t tcc_sha256_update(tcc_sha256 *context, const void *bytes, size_t count);
/// Writes 32 bytes and wipes the context.
int32_t tcc_sha256_final(tcc_sha256 *context, uint8_t *digest);

#endif
