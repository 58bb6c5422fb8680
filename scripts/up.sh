#!/usr/bin/env bash
# Start everything in the background.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"
. "$ROOT/scripts/build.sh"

"$ROOT/scripts/ensure-deps.sh"
build_programs "${PROFILE:-dev}"
cd "$ROOT"
exec "$(profile_dir "${PROFILE:-dev}")/orchestrator" dev --detach
