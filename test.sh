#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ./test.sh [ctest options]: installs missing packages, builds everything, runs every test; ends with ctest's summary.
set -euo pipefail
cd "$(dirname "$0")"
cmake/install_packages.sh
cmake/build_preset.sh release
ctest --preset release --parallel "$(nproc)" "$@"
