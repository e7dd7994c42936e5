# Short names for everyday commands: `just`, or read them here and type them.

# Shared with ./test, so that nothing is built twice.
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", env("PORTCULLIS_CACHE", env("HOME") / ".cache/portcullis") / "target")

_list:
    @just --list

# The inner loop: one crate, checked, linted and tested.
crate NAME:
    cargo clippy -p portcullis-{{ NAME }} --all-targets -- -D warnings
    cargo nextest run -p portcullis-{{ NAME }}

# Everything that CI runs.
test:
    ./test

# Everything that CI runs, with short fuzzing.
quick:
    ./test --quick

format:
    cargo fmt --all

# Write all generated pages; the conformance page needs the results of a whole test run.
generate:
    cargo xtask generate
    cargo nextest run --workspace --profile ci
    cargo xtask conformance

demo:
    ./demo

bench:
    ./bench --quick
