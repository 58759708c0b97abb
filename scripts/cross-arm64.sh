#!/usr/bin/env bash
# Builds the aarch64 Linux executable on an amd64 machine -> dist/arm64/tinycot.
#
# The stock Swift toolchain carries the Embedded standard library for bare-metal aarch64. Its
# objects link with glibc's static libraries, which Debian packages for cross compiling; so no
# Swift SDK is needed. GNU ld cannot do this link, lld can, and the Swift toolchain brings it.
set -euo pipefail
cd "$(dirname "$0")/.."

library="/usr/aarch64-linux-gnu/lib/libc.a"
if [ ! -e "$library" ]; then
    echo "cross-arm64.sh: $library is missing; run scripts/bootstrap arm64" >&2
    exit 69
fi
exec scripts/build.sh arm64
