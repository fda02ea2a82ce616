#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the packages of cmake/packages.txt, and those named as arguments, that are missing. Silent when none is, so it
# works offline then. All messages go to standard error.
set -euo pipefail

installed() { [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]; }

as_root() {
  if [[ "$(id -u)" == 0 ]]; then "$@"; else sudo "$@"; fi
}

missing=()
while read -r package; do
  installed "$package" || missing+=("$package")
done < <(grep -v '^#' "$(dirname "$0")/packages.txt"; [[ $# == 0 ]] || printf '%s\n' "$@")
[[ ${#missing[@]} == 0 ]] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]} (names of Debian 12); install them with this system's package manager" >&2
  exit 2
fi
if [[ "$(id -u)" != 0 ]] && ! command -v sudo >/dev/null; then
  echo "missing: ${missing[*]}; needs root or sudo for: apt-get install ${missing[*]}" >&2
  exit 2
fi
echo "installing missing packages: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "apt-get could not install: ${missing[*]}" >&2
  exit 2
fi
