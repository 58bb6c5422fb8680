#!/usr/bin/env bash
# The libraries others load training data with, pinned, for the test that does so. Prints the Python that has them; ends
# with 75 where this machine has no Python with venv, or no way to its registry.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

WANTED="datasets==5.2.0 pyarrow==26.0.1"

folder="$ROOT/.orchestrator/training-readers"
if [ "$(cat "$folder/installed" 2>/dev/null)" = "$WANTED" ]; then
  printf '%s\n' "$folder/bin/python"
  exit 0
fi
if ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
  say "no Python with venv here: the libraries that load training data cannot be installed"
  exit 75
fi

unavailable() {
  say "Python's registry did not give the libraries that load training data"
  exit 75
}
say "installing the libraries that load training data"
python3 -m venv "$folder" >&2 || unavailable
# shellcheck disable=SC2086
"$folder/bin/pip" install -q --disable-pip-version-check $WANTED </dev/null >&2 || unavailable
printf '%s' "$WANTED" >"$folder/installed"
printf '%s\n' "$folder/bin/python"
