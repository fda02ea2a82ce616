#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build_preset.sh PRESET [TARGET]: configures and builds one preset, `release` with WINDTUNNEL_UNITY. On a
# terminal ninja's own progress line is shown; elsewhere the output goes to build/PRESET.log, shown only when something fails.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
target=${2:-all}
log="build/$preset.log"
mkdir -p build

# What users wait for is built room by room; a developer's presets file by file, so that a change compiles one file.
batches=OFF
[[ "$preset" == release ]] && batches=ON

configure() { cmake --preset "$preset" -DWINDTUNNEL_UNITY="$batches"; }
build() { cmake --build --preset "$preset" --target "$target"; }
failed() {
  [[ -t 2 ]] || cat "$log" >&2
  echo "the build failed; ${1}" >&2
  exit 2
}

# Quiet when nothing changed: the first build takes minutes, later ones a second.
[[ -x "build/$preset/windtunnel" ]] || echo "building windtunnel ($preset): two to three minutes on two cores" >&2
configure >"$log" 2>&1 || { cat "$log" >&2; echo "the log above is $log" >&2; exit 2; }
if [[ -t 2 ]]; then
  build >&2 || failed "the lines above say where"
else
  build >>"$log" 2>&1 || failed "the log above is $log"
fi
