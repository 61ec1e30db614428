#!/usr/bin/env bash
# Make ready what a word of the Makefile needs: prepare.sh demo | lint | test | install FOLDER
#
# Does nothing, and says nothing, when all is there; "install" installs the tree as it is each time. Python packages
# come from the locked lists only, each file checked against its hash, into .venv (demo, lint, test) or into FOLDER
# (install). Programs of the system are installed when run as root; otherwise the exact command that installs them is
# printed, and nothing is changed.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

word=${1:?demo, lint, test or install}
case $word in
    demo)    venv=.venv list=requirements/demo.txt ;;
    lint)    venv=.venv list=requirements/dev.txt ;;
    test)    venv=.venv list=requirements/dev.txt ;;
    install) venv=${2:?the folder to install into, such as /opt/relay} list=requirements/runtime.txt ;;
    *)       echo "prepare.sh knows demo, lint, test and install, not '$word'" >&2; exit 2 ;;
esac

[ "$word" != install ] || umask 022 # the daemon runs as a user of its own
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

say() { printf '%s\n' "$*" >&2; }

# Try a command three times: a network hiccup, or another program that holds the package lock, is not an error.
patiently() {
    local try
    for try in 1 2 3; do
        "$@" >"$scratch/output" 2>&1 && return
        [ "$try" = 3 ] || sleep $((try * 10))
    done
    tail -n 30 "$scratch/output" >&2
    say "failed three times: $*"
    return 1
}

apt_update() { apt-get -q -o Acquire::Retries=3 update; }
apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
        install -y --no-install-recommends "$@"
}

need_packages() {
    [ $# -gt 0 ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing from the system's packages: $*"
        patiently apt_update || say "Going on with the package list that is there."
        patiently apt_install "$@"
    else
        say "Missing on this machine: $*"
        say "Install with the following command, then run this again:"
        say ""
        say "    sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
        say ""
        exit 1
    fi
}

is_there() {
    case $1 in
        *.so.*) [[ $(ldconfig -p) == *"$1 "* ]] ;;
        *)      command -v "$1" >/dev/null ;;
    esac
}

missing_packages() {
    local for_word package program
    while read -r for_word package program; do
        [ "$for_word" = "$word" ] || continue
        is_there "$program" || printf '%s\n' "$package"
    done <requirements/system.txt
}

recent_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3 python3.11 python3.12 python3.13 python3.14; do
        if recent_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
}

make_venv() {
    [ -x "$venv/bin/pip" ] && recent_enough "$venv/bin/python" && return
    local python version
    python=$(find_python)
    if [ -z "$python" ]; then
        need_packages python3 python3-venv
        python=$(find_python)
        [ -n "$python" ] || { say "Python 3.11 or later is needed; set PYTHON to its path."; exit 1; }
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        need_packages "python$version-venv"
    fi
    "$python" -m venv --clear "$venv"
}

pip() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input --retries 5 "$@"; }
pip_locked() { pip install --require-hashes --only-binary :all: "$@"; }

# The tree itself, by a builder that is locked as well and gone afterwards.
install_tree() {
    patiently pip_locked --target "$scratch/builder" -r requirements/build.txt
    PYTHONPATH=$scratch/builder patiently pip install --no-deps --no-build-isolation "$@"
}

fingerprint() {
    { cat "$list" requirements/build.txt pyproject.toml; pwd; "$venv/bin/python" -VV; } 2>/dev/null | sha256sum
}

packages=$(missing_packages)
# shellcheck disable=SC2086  # one word per package
need_packages $packages
packages=$(missing_packages)
[ -z "$packages" ] || { say "Installed, and still not found: $packages"; exit 1; }

make_venv
ready=$venv/.ready-$(basename "$list" .txt)
if [ "$(cat "$ready" 2>/dev/null)" != "$(fingerprint)" ]; then
    say "Installing $(grep -c '^[a-z0-9]' "$list") locked Python packages into $venv ..."
    patiently pip_locked -r "$list"
    [ "$word" = install ] || install_tree --editable .
    fingerprint >"$ready"
fi
if [ "$word" = install ]; then
    say "Installing relay into $venv ..."
    install_tree --force-reinstall .
fi

if [ "$word" = test ] && ! cmp -s tests/browser/package-lock.json tests/browser/node_modules/.ready; then
    say "Installing the accessibility rules for the browser tests ..."
    patiently npm --prefix tests/browser ci
    cp tests/browser/package-lock.json tests/browser/node_modules/.ready
fi
