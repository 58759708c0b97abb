#!/usr/bin/env bash
# Builds what ships: Embedded Swift, one static position-independent executable, stripped, in
# dist/. The unstripped twin, for a debugger or addr2line, stays in the scratch folder.
#
#   scripts/build.sh amd64        -> dist/amd64/tinycot
#   scripts/build.sh arm64        -> dist/arm64/tinycot       (use scripts/cross-arm64.sh)
#   scripts/build.sh amd64-trap   -> dist/amd64-trap/tinycot  (stops at a heap allocation after
#                                                              the seal; for tests)
#   scripts/build.sh amd64-linear -> dist/amd64-linear/linear  (the core of amd64 itself, whose
#                                                              readers bench/linear.py drives)
#
# The same tree gives the same bytes, wherever it lies: no path, no date and no host name gets in.
set -euo pipefail
cd "$(dirname "$0")/.."

flavour="${1:-amd64}"
case "$flavour" in
amd64 | arm64 | amd64-trap | amd64-linear) ;;
*)
    echo "build.sh: unknown flavour \"$flavour\";" \
        "it is amd64, arm64, amd64-trap or amd64-linear" >&2
    exit 64
    ;;
esac
if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "build.sh: this is $(uname -sm); the build needs Linux on amd64 (it makes arm64 too)" >&2
    exit 69
fi
if ! command -v swift >/dev/null; then
    echo "build.sh: no swift on PATH; Swift 6.3 is needed, from https://www.swift.org/install" >&2
    exit 69
fi

export TINYCOT_EMBEDDED=1
unset TINYCOT_TRAP_ALLOCATIONS
scratch=".build-$flavour"
product=tinycot
program=tinycot
strip=--strip-all
if [ "$flavour" = amd64-linear ]; then
    scratch=.build-amd64
    product=LinearHelper
    program=linear
    # The names of its functions stay, valgrind goes by them; the rest it could not even read.
    strip=--strip-debug
fi
arguments=(
    -c release --product "$product" --scratch-path "$scratch"
    # glibc's start code stops a static position-independent program that has a run path.
    --disable-local-rpath
)
case "$flavour" in
arm64)
    arguments+=(--triple aarch64-none-none-elf --toolset scripts/toolset-arm64.json)
    # The headers and static libraries of SQLite and libcrypto (scripts/bootstrap).
    libraries="$PWD/.cache/arm64/usr"
    for folder in include include/aarch64-linux-gnu; do
        arguments+=(-Xcc "-isystem$libraries/$folder")
    done
    arguments+=(-Xlinker "-L$libraries/lib/aarch64-linux-gnu")
    ;;
amd64-trap) export TINYCOT_TRAP_ALLOCATIONS=1 ;;
esac

for option in -warnings-as-errors -use-ld=lld \
    -Xclang-linker -static-pie \
    -Xclang-linker -Wno-unused-command-line-argument \
    -file-prefix-map "$PWD=." \
    -Xfrontend -disable-incremental-llvm-codegen \
    -Xfrontend -function-sections; do
    arguments+=(-Xswiftc "$option")
done
for option in -fPIC "-ffile-prefix-map=$PWD=."; do arguments+=(-Xcc "$option"); done
# What relaying runs through lies side by side (bench/order.py); a name that is not there, because
# this processor has another version of it, does no harm.
arguments+=(
    -Xlinker "--symbol-ordering-file=$PWD/scripts/function-order.txt"
    -Xlinker --no-warn-symbol-ordering
)
# No build id: it would cover the debug information, which names the folder of the module cache.
for option in --gc-sections --build-id=none -z noexecstack -z relro -z now; do
    arguments+=(-Xlinker "$option")
done

swift build "${arguments[@]}"
mkdir -p "dist/$flavour"
strip_tool="$(dirname "$(readlink -f "$(command -v swift)")")/llvm-objcopy"
if [ ! -x "$strip_tool" ]; then
    strip_tool="objcopy"
    if [ "$flavour" = arm64 ]; then strip_tool="aarch64-linux-gnu-objcopy"; fi
fi
# Under a new name first: a running relay keeps its old file, and nobody sees half of the new one.
"$strip_tool" "$strip" "$scratch/release/$product" "dist/$flavour/$program.new"
mv "dist/$flavour/$program.new" "dist/$flavour/$program"
echo "dist/$flavour/$program: $(stat -c %s "dist/$flavour/$program") bytes"
