# Sourced: builds, and says where the programs are. Cargo unifies features over the packages one
# command names, so each purpose always names the same ones and builds once.
# shellcheck shell=bash

SERVICES=(gateway coordinator planner executor assessor learner)

# Where a profile's programs are.
profile_dir() {
  case "$1" in
    dev) printf '%s/debug\n' "$(target_dir)" ;;
    *) printf '%s/%s\n' "$(target_dir)" "$1" ;;
  esac
}

# The services and the command line: all that running needs.
build_programs() {
  local packages=(-p cli) service
  for service in "${SERVICES[@]}"; do packages+=(-p "$service"); done
  say "cargo build (profile $1; the first time takes minutes)"
  (cd "$ROOT" && cargo build --profile "$1" --bins "${packages[@]}")
}

# Everything, tests included.
build_everything() {
  say "cargo build --workspace, tests included (the first time takes minutes)"
  (cd "$ROOT" && cargo build --workspace --bins --tests)
}
