#!/usr/bin/env bash
# The conformance suite of the Model Context Protocol against /mcp: what each revision requires of a server, except the
# cases in mcp-conformance.yml, which docs/mcp-server.md explains. Those must fail; one that passes is told too.
# With an address as argument that server is tested, else one of our own, started here and stopped again.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"
. "$ROOT/scripts/build.sh"

SUITE=0.2.0-alpha.12
NODE=22.23.3
REVISIONS=(2026-07-28 2025-11-25)
HOME_OF_SUITE="$STATE/mcp-conformance/$SUITE"

have npm || skip "the MCP conformance suite needs npm, which is not installed on this machine"

# The suite needs a newer Node than most machines have; npm carries one.
install_suite() {
  [ -e "$HOME_OF_SUITE/complete" ] && return
  say "npm install @modelcontextprotocol/conformance@$SUITE node@$NODE"
  mkdir -p "$HOME_OF_SUITE"
  npm install --prefix "$HOME_OF_SUITE" --no-audit --no-fund --loglevel error \
    "@modelcontextprotocol/conformance@$SUITE" "node@$NODE" </dev/null >&2 || return 1
  touch "$HOME_OF_SUITE/complete"
}
install_suite || skip "the MCP conformance suite cannot be fetched; is there a network and a package registry?"

start_our_own() {
  OWN_STATE="$(mktemp -d "${TMPDIR:-/tmp}/orchestrator-conformance-XXXXXX")"
  # Where we are root, Postgres runs as somebody else.
  chmod 755 "$OWN_STATE"
  export_tool_path
  trap stop_our_own EXIT
  ORCHESTRATOR_STATE_DIR="$OWN_STATE" ORCHESTRATOR_RANDOM_PORTS=1 "$program" dev --detach >&2
  URL="$(sed -nE 's/.*"rest_url": *"([^"]+)".*/\1/p' "$OWN_STATE/dev.json" | sed -E 's#(://[^/]+).*#\1/mcp#')"
}
stop_our_own() {
  ORCHESTRATOR_STATE_DIR="$OWN_STATE" "$program" reset >&2 && rm -rf "$OWN_STATE"
}

URL="${1:-}"
if [ -z "$URL" ]; then
  program="$(profile_dir "${PROFILE:-dev}")/orchestrator"
  [ -x "$program" ] || build_programs "${PROFILE:-dev}"
  cd "$ROOT"
  start_our_own
fi

failed=""
for revision in "${REVISIONS[@]}"; do
  say "MCP conformance, revision $revision, against $URL"
  "$HOME_OF_SUITE/node_modules/.bin/node" "$HOME_OF_SUITE/node_modules/@modelcontextprotocol/conformance/dist/index.js" \
    server --url "$URL" --requirements "$revision" --expected-failures "$ROOT/scripts/mcp-conformance.yml" \
    --output-dir "$HOME_OF_SUITE/results-$revision" || failed=1
done
[ -z "$failed" ] || die "the MCP conformance suite found something" "results are in $HOME_OF_SUITE/results-*"
