#!/usr/bin/env bash
# Everything that building, running and testing need. Says what it does; does nothing twice.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

"$here/ensure-toolchain.sh"
"$here/ensure-nats.sh"
"$here/ensure-postgres.sh"
