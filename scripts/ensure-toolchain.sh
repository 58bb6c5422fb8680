#!/usr/bin/env bash
# A Rust toolchain and a C compiler (some crates compile C).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"

if ! have cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then
  die "cargo is installed but not in PATH" "run: . \"\$HOME/.cargo/env\""
fi
have cargo || die "there is no Rust toolchain" "install Rust with rustup, then start again"

needed="$(sed -nE 's/^rust-version = "([0-9.]+)"/\1/p' "$ROOT/Cargo.toml" | head -n 1)"
present="$(cd "$ROOT" && rustc --version | awk '{print $2}' | sed 's/-.*//')"
at_least "$present" "$needed" || die "Rust $present is too old, $needed is needed" "run: rustup update stable"

if ! have cc; then
  case "$(uname -s)" in
    Darwin) die "there is no C compiler" "run: xcode-select --install" ;;
    *)
      have apt-get || die "there is no C compiler" "install gcc or clang"
      say "no C compiler found: installing gcc"
      apt_install gcc libc6-dev make
      ;;
  esac
fi
