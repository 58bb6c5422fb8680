#!/usr/bin/env bash
# Fault suite with real processes.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"
. "$ROOT/scripts/build.sh"

"$ROOT/scripts/ensure-deps.sh"
export_tool_path
build_everything
cd "$ROOT"
exec "$(profile_dir dev)/chaos" "$@"
