#!/bin/sh
# Brings what some tests and `make dist` need beyond Go, gcc and make, where it is missing: what
# the system has to have is installed, as root on Debian; the rest goes into build/tools and
# build/node, and no service of it is started. What cannot be had is left out: the last lines of
# the tests say so.
set -u
tools=build/tools

# have tells whether a program is on the PATH or was brought before.
have() {
    command -v "${1##*/}" >/dev/null 2>&1 || [ -x "$tools/$1" ]
}

# unpack brings the files of a Debian package to build/tools/PACKAGE.
unpack() {
    for _ in 1 2; do # mirrors fail now and then
        [ "$(id -u)" != 0 ] || apt-get --quiet --quiet update
        rm -rf "$tools/$1" && mkdir -p "$tools/$1" &&
            (cd "$tools/$1" && apt-get --quiet --quiet download "$1" && dpkg-deb --extract "$1"_*.deb . && rm "$1"_*.deb) &&
            return 0
    done
    return 1
}

# bring NAME PACKAGE PROGRAM: what the program is for, and where it lies in the package.
bring() {
    if have "$2/$3"; then
        return
    fi
    echo "setup: $2, for the tests of $1"
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "setup: this is not Debian: put ${3##*/} on the PATH"
    elif ! unpack "$2"; then
        echo "setup: Debian's package $2 could not be had"
    fi
}

# old_glibc brings the C library of Debian 11 for a processor.
old_glibc() {
    folder=$tools/glibc-$1
    mkdir -p "$tools"
    if [ -d "$folder" ]; then
        return
    fi
    echo "setup: glibc 2.31 for $1, for the tests of the plugins on old systems"
    packages=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep '/debian/*$' | sort -u | head -n 1)
    if [ -z "$packages" ]; then
        echo "setup: this is not Debian"
        return
    fi
    apt=$(mktemp -d) && mkdir -p "$apt/lists/partial" "$apt/archives/partial" &&
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $packages bullseye main" >"$apt/sources.list"
    # An apt of its own, which knows nothing of this system's packages.
    set -- "$1" -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State="$apt" \
        -o Dir::State::status=/dev/null -o Dir::Cache="$apt" -o APT::Architecture="$1" -o APT::Architectures="$1" \
        -o APT::Sandbox::User=root
    arch=$1 && shift
    apt-get "$@" --quiet --quiet update &&
        (cd "$apt" && apt-get "$@" --quiet --quiet download libc6) &&
        dpkg-deb --extract "$apt"/libc6_*_"$arch".deb "$folder" ||
        echo "setup: glibc 2.31 for $arch could not be had"
    rm -rf "$apt"
}

if [ "${1:-}" = glibc ]; then # all that make dist needs
    old_glibc amd64
    old_glibc arm64
    exit
fi

# install PROGRAM PACKAGES...: what the tests find on the PATH, with what belongs to it.
install() {
    if command -v "$1" >/dev/null 2>&1; then
        return
    fi
    shift
    if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
        echo "setup: missing, and to be installed by root (names of Debian): apt-get install $*"
        return
    fi
    echo "setup: installing $*"
    for _ in 1 2; do # mirrors fail now and then
        apt-get --quiet --quiet update &&
            DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet --option DPkg::Lock::Timeout=120 \
                install --yes --no-install-recommends "$@" >/dev/null && return
    done
    echo "setup: they could not be installed"
}

# For the pages that tests look at.
browser() {
    for name in ${CHROMIUM:-chromium chromium-browser chromium-headless-shell google-chrome google-chrome-stable}; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    return 1
}
browser || install chromium chromium

# For the packages of a release.
install rpm rpm

# For the other processor of a release.
case "$(uname -m)" in
x86_64)
    install aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    install qemu-aarch64 qemu-user
    ;;
aarch64)
    install x86_64-linux-gnu-gcc gcc-x86-64-linux-gnu libc6-dev-amd64-cross
    install qemu-x86_64 qemu-user
    ;;
esac

bring "the alert rules" prometheus usr/bin/prometheus

# node_client brings the official Node client, in the version of the lock file.
node_client() {
    if cmp -s tests/slsfake/node/package-lock.json build/node/package-lock.json; then
        return
    fi
    echo "setup: @alicloud/log, for TestNodeClient"
    if ! command -v npm >/dev/null 2>&1; then
        echo "setup: there is no npm"
        return
    fi
    rm -rf build/node && mkdir -p build/node && cp tests/slsfake/node/package*.json build/node
    (cd build/node && npm ci --ignore-scripts --no-audit --no-fund) && return
    echo "setup: npm could not bring it"
    rm -rf build/node
}

node_client
case $(uname -m) in
x86_64) old_glibc amd64 ;;
aarch64) old_glibc arm64 ;;
esac
