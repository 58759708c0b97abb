// The calls of libcrypto that Digest makes: the low-level ones, because the high-level EVP
// functions allocate, and draw in providers, configuration files and error tables.

#include "CCrypto.h"

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

_Static_assert(sizeof(tcc_sha256) == sizeof(SHA256_CTX), "the context has libcrypto's size");

int32_t tcc_sha256_init(tcc_sha256 *context) { return SHA256_Init((SHA256_CTX *)context); }
int32_t tcc_sha256_update(tcc_sha256 *context, const void *bytes, size_t count) {
    return SHA256_Update((SHA256_CTX *)context, bytes, count);
}
int32_t tcc_sha256_final(tcc_sha256 *context, uint8_t *digest) {
    return SHA256_Final(digest, (SHA256_CTX *)context);
}
