#!/usr/bin/env bash
# Every test; with --long also those marked as ignored. Other arguments go to the test runner.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"
. "$ROOT/scripts/build.sh"

long=""
if [ "${1:-}" = --long ]; then
  long=1
  shift
fi
"$ROOT/scripts/ensure-deps.sh"
export_tool_path
build_everything
cd "$ROOT"
if cargo nextest --version >/dev/null 2>&1; then
  say "cargo nextest run --workspace"
  cargo nextest run --workspace --no-fail-fast ${long:+--run-ignored all} "$@"
else
  say "cargo test --workspace (cargo-nextest is not installed; it would be faster)"
  cargo test --workspace --bins --tests --no-fail-fast "$@" -- ${long:+--include-ignored}
fi
