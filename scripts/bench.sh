#!/usr/bin/env bash
# Load benchmark of a release build; figures go to .orchestrator/bench.json.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"
. "$ROOT/scripts/build.sh"

"$ROOT/scripts/ensure-deps.sh"
export_tool_path
say "cargo build --release --workspace (the first time takes long)"
cd "$ROOT"
cargo build --release --workspace --bins
[ -n "${ORCHESTRATOR_PEERS:-}" ] || say "ORCHESTRATOR_PEERS is not set: no rivals in this run"
exec "$(profile_dir release)/bench" "$@"
