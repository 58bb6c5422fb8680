#!/usr/bin/env bash
# The command line as it was last built; for what must not wait for a compiler.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"
. "$ROOT/scripts/build.sh"

cd "$ROOT"
program=""
for profile in dev release; do
  candidate="$(profile_dir "$profile")/orchestrator"
  if [ -x "$candidate" ] && { [ -z "$program" ] || [ "$candidate" -nt "$program" ]; }; then program="$candidate"; fi
done
if [ -z "$program" ]; then
  case "${1:-}" in
    down) [ -e "$STATE/dev.json" ] || { say "nothing is built and nothing is running"; exit 0; } ;;
  esac
  build_programs "${PROFILE:-dev}"
  program="$(profile_dir "${PROFILE:-dev}")/orchestrator"
fi
exec "$program" "$@"
