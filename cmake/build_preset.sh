#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build_preset.sh PRESET [TARGET]: configures and builds one preset. The output goes to build/PRESET.log and is shown only
# when something fails; one progress line goes to standard error when there is something to build.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
target=${2:-all}
log="build/$preset.log"
mkdir -p build

# Quiet when nothing changed: the first build takes minutes, later ones a second.
[[ -x "build/$preset/windtunnel" ]] || echo "building windtunnel ($preset), log in $log" >&2
if ! { cmake --preset "$preset" && cmake --build --preset "$preset" --target "$target"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "the build failed; the log above is $log" >&2
  exit 2
fi
