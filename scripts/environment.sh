# Sourced by ./test, ./demo, ./bench and the scripts beside it: where things lie, and how a step is shown.
# shellcheck shell=bash

# shellcheck disable=SC2034 # for those who source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Builds, tools and peers are kept outside the work tree, so that a fresh clone finds them.
export PORTCULLIS_CACHE="${PORTCULLIS_CACHE:-$HOME/.cache/portcullis}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PORTCULLIS_CACHE/target}"
# Node packages that tests start as peers: $PORTCULLIS_PEERS/node_modules.
export PORTCULLIS_PEERS="$PORTCULLIS_CACHE/peers"
# Debian keeps servers in sbin, which is not on every user's path.
export PATH="$PORTCULLIS_CACHE/tools/bin:$PATH:/usr/sbin:/sbin"

# have COMMAND…: whether all of them can be run.
have() {
    local command
    for command in "$@"; do
        command -v "$command" > /dev/null || return 1
    done
}

# die MESSAGE: ends the script with the exit code of "could not run".
die() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}
