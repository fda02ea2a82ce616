#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ./run.sh SPEC.yaml [options]: installs missing packages, builds the program, answers the spec.
# Standard output is the tool's own; everything else goes to standard error.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/cmake/install_packages.sh"
"$here/cmake/build_preset.sh" release windtunnel_program
exec "$here/build/release/windtunnel" run "$@"
