#!/usr/bin/env bash
# Format, clippy, dependencies.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

"$ROOT/scripts/ensure-toolchain.sh"
cd "$ROOT"
for component in fmt clippy; do
  if ! cargo "$component" --version >/dev/null 2>&1; then
    have rustup || die "cargo $component is missing and there is no rustup" "install it beside cargo"
    say "rustup component add ${component/fmt/rustfmt}"
    rustup component add "${component/fmt/rustfmt}"
  fi
done

say "cargo fmt --check"
cargo fmt --all --check
say "dependencies: Cargo.lock is up to date and names registries only"
cargo metadata --locked --format-version 1 >/dev/null
if grep -n '^source = "git' Cargo.lock; then die "Cargo.lock names git sources"; fi
say "cargo clippy"
cargo clippy --workspace --all-targets -- -D warnings
