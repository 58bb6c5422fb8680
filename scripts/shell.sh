# Sourced by the other scripts: where things are, how they speak, how they become root.
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
STATE="${ORCHESTRATOR_STATE_DIR:-$ROOT/.orchestrator}"
NATS_MINIMUM=2.12
POSTGRES_MINIMUM=15

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf '==> cannot go on: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '    %s\n' "$line" >&2; done
  exit 1
}
# Leaves out what this machine cannot run; where nothing may be left out, that is a failure.
skip() {
  [ -z "${ORCHESTRATOR_SKIP_NOTHING:-}" ] || die "$1" "nothing may be skipped here: ORCHESTRATOR_SKIP_NOTHING is set"
  say "SKIPPED: $1"
  exit 0
}
have() { command -v "$1" >/dev/null 2>&1; }

# True when dotted version $1 is at least $2.
at_least() {
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

# Runs a command as root; the caller's terminal, if any, may be asked for a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo; then
    if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
  else
    die "'$*' needs root and there is no sudo here" "run it as root, then start again"
  fi
}

APT_UPDATED=""
apt_update() {
  [ -n "$APT_UPDATED" ] && return
  say "apt-get update"
  as_root apt-get update -q || die "apt-get update failed" "is there a network and a package mirror?"
  APT_UPDATED=1
}
apt_install() {
  apt_update
  say "apt-get install $*"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" </dev/null ||
    die "apt-get could not install $*"
}

# The directory with initdb and postgres, newest first; nothing when there is none new enough.
postgres_bin_dir() {
  local dir version found="" best=0
  for dir in ${ORCHESTRATOR_POSTGRES_BIN:+"$ORCHESTRATOR_POSTGRES_BIN"} /usr/lib/postgresql/*/bin \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
    "$(dirname "$(command -v initdb 2>/dev/null || echo /nonexistent/initdb)")"; do
    [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] || continue
    version="$("$dir/postgres" --version 2>/dev/null | sed -E 's/[^0-9]*([0-9]+).*/\1/')"
    if [ "${version:-0}" -ge "$POSTGRES_MINIMUM" ] && [ "$version" -gt "$best" ]; then
      found="$dir" best="$version"
    fi
  done
  [ -n "$found" ] && printf '%s\n' "$found"
}

nats_version() { "$1" --version 2>/dev/null | sed -E 's/.*v([0-9][0-9.]*).*/\1/'; }

# A nats-server that is new enough: ours, else the one in PATH; nothing when there is none.
nats_server() {
  local candidate version
  for candidate in "${ORCHESTRATOR_NATS_SERVER:-}" "$STATE/bin/nats-server" "$(command -v nats-server 2>/dev/null || true)"; do
    [ -n "$candidate" ] && [ -x "$candidate" ] || continue
    version="$(nats_version "$candidate")"
    if [ -n "$version" ] && at_least "$version" "$NATS_MINIMUM"; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

# Where cargo puts what it builds.
target_dir() {
  if [ -n "${CARGO_TARGET_DIR:-}" ]; then
    printf '%s\n' "$CARGO_TARGET_DIR"
  else
    (cd "$ROOT" && cargo metadata --format-version 1 --no-deps --offline 2>/dev/null) |
      sed -E 's/.*"target_directory":"([^"]*)".*/\1/' | grep . || printf '%s\n' "$ROOT/target"
  fi
}

# Tests and services find the servers in PATH.
export_tool_path() {
  local postgres
  PATH="$STATE/bin:$PATH"
  postgres="$(postgres_bin_dir || true)"
  [ -n "$postgres" ] && PATH="$PATH:$postgres"
  export PATH
}
