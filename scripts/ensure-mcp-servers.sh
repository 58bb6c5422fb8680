#!/usr/bin/env bash
# The reference servers of the Model Context Protocol, pinned, for the test that calls them. Prints where they are;
# ends with 75 where this machine has no npm, no Python with venv, or no way to their registries.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

NPM="@modelcontextprotocol/server-everything@2026.8.31 @modelcontextprotocol/server-filesystem@2026.8.31
  @modelcontextprotocol/server-memory@2026.8.31"
PYPI="mcp-server-time==2026.10.19 mcp-server-fetch==2026.10.24"
WANTED="$(printf '%s %s' "$NPM" "$PYPI" | tr -s ' \n' ' ')"

folder="$ROOT/.orchestrator/mcp-servers"
if [ "$(cat "$folder/installed" 2>/dev/null)" = "$WANTED" ]; then
  printf '%s\n' "$folder"
  exit 0
fi
if ! have npm || ! have node; then
  say "no npm here: the reference servers cannot be installed"
  exit 75
fi
if ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
  say "no Python with venv here: the reference servers cannot be installed"
  exit 75
fi

unavailable() {
  say "the registries of npm and Python did not give the reference servers"
  exit 75
}
mkdir -p "$folder"
say "installing the reference servers of the Model Context Protocol"
python3 -m venv "$folder/python" >&2 || unavailable
# Both registries at once.
# shellcheck disable=SC2086
"$folder/python/bin/pip" install -q --disable-pip-version-check $PYPI </dev/null >&2 &
pip=$!
# shellcheck disable=SC2086
(cd "$folder" && npm install --no-audit --no-fund --ignore-scripts --silent $NPM </dev/null >&2) || unavailable
wait "$pip" || unavailable
printf '%s' "$WANTED" >"$folder/installed"
printf '%s\n' "$folder"
