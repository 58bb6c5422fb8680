#!/usr/bin/env bash
# Start everything and take the sample request through it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"
. "$ROOT/scripts/build.sh"

"$ROOT/scripts/ensure-deps.sh"
build_programs "${PROFILE:-dev}"
cd "$ROOT"
exec "$(profile_dir "${PROFILE:-dev}")/orchestrator" run
