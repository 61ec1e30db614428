#!/usr/bin/env bash
# Write the locked lists anew from pyproject.toml, each version the newest that fits, each file with its hashes.
# One list serves Python 3.11 and all later ones, on every platform; prepare.sh installs from these lists only.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=.venv/bin/uv
[ -x "$uv" ] || .venv/bin/python -m pip install --quiet "uv>=0.9"

lock() {
    local list=requirements/$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --upgrade \
        --generate-hashes --no-emit-index-url --no-header "$@" --output-file "$list" >/dev/null
    sed -i '1i # Written by "make lock" from pyproject.toml. Not to be edited by hand.' "$list"
    printf '%-26s %s packages\n' "$list" "$(grep -c '^[a-z0-9]' "$list")"
}

lock runtime.txt pyproject.toml
lock demo.txt pyproject.toml --extra demo
lock dev.txt pyproject.toml --extra demo --group dev
lock build.txt --group build
