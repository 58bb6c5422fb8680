#!/usr/bin/env bash
# Postgres' programs. No system cluster is created, started, stopped or changed: the orchestrator
# runs a private one in its own state directory.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

report() { say "$("$1/postgres" --version | sed -E 's/ \(PostgreSQL\)//'): $1"; }

if found="$(postgres_bin_dir)"; then
  report "$found"
  exit 0
fi
say "Postgres $POSTGRES_MINIMUM or newer not found: installing it"

if [ "$(uname -s)" = Darwin ]; then
  have brew || die "Postgres is missing and there is no Homebrew" \
    "install Postgres $POSTGRES_MINIMUM or newer and put its bin directory into PATH"
  say "brew install postgresql@17"
  brew install postgresql@17 || die "Homebrew could not install postgresql@17"
else
  have apt-get || die "Postgres is missing and this is not a Debian system" \
    "install Postgres $POSTGRES_MINIMUM or newer and put its bin directory into PATH"
  apt_update
  major="$(apt-cache search --names-only '^postgresql-[0-9]+$' | sed -E 's/^postgresql-([0-9]+) .*/\1/' | sort -n | tail -n 1)"
  [ "${major:-0}" -ge "$POSTGRES_MINIMUM" ] || die "this release offers Postgres ${major:-none} only" \
    "install Postgres $POSTGRES_MINIMUM or newer from another source and put its bin directory into PATH"

  # The package would create and start a cluster of its own; it is told not to, for this
  # installation only.
  apt_install postgresql-common
  conf=/etc/postgresql-common/createcluster.conf
  line='create_main_cluster = false # while the orchestrator installs Postgres'
  as_root mkdir -p "$(dirname "$conf")"
  printf '%s\n' "$line" | as_root tee -a "$conf" >/dev/null
  trap 'as_root sed -i "/while the orchestrator installs Postgres\$/d" "$conf"' EXIT
  apt_install "postgresql-$major"
fi
found="$(postgres_bin_dir)" || die "Postgres was installed but its programs were not found" \
  "set ORCHESTRATOR_POSTGRES_BIN to the directory that holds initdb and postgres"
report "$found"
