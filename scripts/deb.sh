#!/usr/bin/env bash
# Packs what was built into Debian packages. With dpkg alone, no debhelper: what goes in stands below.
#
#   scripts/deb.sh    dist/{amd64,arm64}/tinycot -> dist/tinycot_VERSION_{amd64,arm64}.deb
#                     and dist/tinycot.deb, which is the one for arm64
#
# The same tree gives the same bytes: every time is that of the last entry of the changelog, and
# owners, modes, order and compression are set here.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
export LC_ALL=C TZ=UTC

version=$(sed -n 's/.*StaticString { "\([^"]*\)" }.*/\1/p' Sources/TinyCoT/Version.swift)
# 1.0.0-rc.1 is before 1.0.0; Debian writes that with a tilde.
version=${version/-/\~}
entry=$(sed -n '1s/^tinycot (\([^)]*\)).*/\1/p' packaging/debian/changelog)
if [ "$entry" != "$version" ]; then
    echo "deb.sh: packaging/debian/changelog begins with version \"$entry\", and the sources" \
        "have \"$version\"; write an entry for it" >&2
    exit 65
fi
date=$(sed -n 's/^ -- .*>  //p' packaging/debian/changelog | head -n 1)
SOURCE_DATE_EPOCH=$(date -d "$date" +%s)
export SOURCE_DATE_EPOCH

for architecture in amd64 arm64; do
    if [ ! -e "dist/$architecture/tinycot" ]; then
        echo "deb.sh: dist/$architecture/tinycot is missing; run make build arm64" >&2
        exit 66
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Source, place, mode.
put() { install -D -m "${3:-644}" "$1" "$tree$2"; }
put_gz() {
    mkdir -p "$(dirname "$tree$2")"
    gzip -9n <"$1" >"$tree$2"
}

lay_files() {
    put "dist/$architecture/tinycot" /usr/bin/tinycot 755
    put packaging/tinycot.json /etc/tinycot/tinycot.json
    put budget.json /etc/tinycot/budget.json
    put packaging/systemd/tinycot.service /usr/lib/systemd/system/tinycot.service
    put packaging/systemd/tinycot.socket /usr/lib/systemd/system/tinycot.socket
    put packaging/systemd/tinycot-http.socket /usr/lib/systemd/system/tinycot-http.socket
    put packaging/systemd/backoff.conf /usr/share/tinycot/backoff.conf
    put packaging/systemd/sysusers.conf /usr/lib/sysusers.d/tinycot.conf
    put packaging/completion/tinycot /usr/share/bash-completion/completions/tinycot
    put_gz docs/man/tinycot.8 /usr/share/man/man8/tinycot.8.gz
    put_gz docs/man/tinycot.json.5 /usr/share/man/man5/tinycot.json.5.gz
    put_gz docs/man/budget.json.5 /usr/share/man/man5/budget.json.5.gz
    put packaging/debian/copyright /usr/share/doc/tinycot/copyright
    put_gz packaging/debian/changelog /usr/share/doc/tinycot/changelog.gz
    put packaging/debian/lintian-overrides /usr/share/lintian/overrides/tinycot
}

lay_control() {
    local kibibytes script
    # As Debian counts it: files in whole KiB, and one for everything else.
    kibibytes=$(find "$tree" \( -type f -printf '%s\n' \) -o -printf '1\n' |
        awk '{ sum += $1 == 1 ? 1 : int(($1 + 1023) / 1024) } END { print sum }')
    mkdir "$tree/DEBIAN"
    sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" \
        -e "s/@INSTALLED_SIZE@/$kibibytes/" packaging/debian/control.in >"$tree/DEBIAN/control"
    put packaging/debian/conffiles /DEBIAN/conffiles
    for script in postinst prerm postrm; do
        put "packaging/debian/$script" "/DEBIAN/$script" 755
    done
    (cd "$tree" && find etc usr -type f -print0 | sort -z | xargs -0 md5sum) \
        >"$tree/DEBIAN/md5sums"
}

for architecture in amd64 arm64; do
    tree="$work/$architecture"
    mkdir "$tree"
    lay_files
    lay_control
    package="dist/tinycot_${version}_$architecture.deb"
    # One thread: how many there are must not show in the bytes.
    dpkg-deb --root-owner-group -Zxz -z9 -Sextreme --threads-max=1 --build "$tree" \
        "$work/package.deb" >/dev/null
    mv "$work/package.deb" "$package"
    echo "$package: $(stat -c %s "$package") bytes"
done
cp "dist/tinycot_${version}_arm64.deb" dist/tinycot.deb
