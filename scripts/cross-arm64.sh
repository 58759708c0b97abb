#!/usr/bin/env bash
# Builds the aarch64 Linux executable on an amd64 machine -> dist/arm64/tinycot.
#
# The stock Swift toolchain carries the Embedded standard library for bare-metal aarch64. Its
# objects link with glibc's static libraries, which Debian packages for cross compiling; so no
# Swift SDK is needed. SQLite and libcrypto come from Debian's arm64 packages, which
# scripts/bootstrap unpacks into .cache/arm64. GNU ld cannot do this link, lld can, and the Swift
# toolchain brings it.
set -euo pipefail
cd "$(dirname "$0")/.."

for library in /usr/aarch64-linux-gnu/lib/libc.a \
    .cache/arm64/usr/lib/aarch64-linux-gnu/libsqlite3.a \
    .cache/arm64/usr/lib/aarch64-linux-gnu/libcrypto.a; do
    if [ ! -e "$library" ]; then
        echo "cross-arm64.sh: $library is missing; run scripts/bootstrap arm64" >&2
        exit 69
    fi
done
exec scripts/build.sh arm64
