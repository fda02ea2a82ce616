#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The completion scripts in the shells they are for: each is read without a complaint and finds a verb, an option and a key.
# Exit code 77: neither zsh nor fish is there (bash is tested with the program).
#   completion_test.sh PROGRAM OUT
set -uo pipefail
program=$1 out=$2/completion
rm -rf "$out" && mkdir -p "$out" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
tested=0

expect() { # SHELL LINE WORD
  grep -q -- "^$3" <<<"$(candidates_of "$1" "$2")" || fail "$1 does not complete '$2' to '$3'"
}
candidates_of() { # SHELL LINE
  [[ $1 == fish ]] && HOME=$out fish --no-config -c "source '$out/fish'; complete -C '$2'"
  # zsh fills COMPREPLY as bash does; the function is asked itself.
  [[ $1 == zsh ]] && HOME=$out zsh -f -c "
    autoload -U compinit && compinit -u -d '$out/zcompdump'
    source '$out/zsh' >/dev/null
    setopt ksharrays shwordsplit
    COMP_WORDS=($2); COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1))
    _windtunnel 2>/dev/null; print -l -- \${COMPREPLY[@]}"
}

for shell in zsh fish; do
  "$program" completion "$shell" >"$out/$shell" || fail "no script for $shell"
  if ! command -v "$shell" >/dev/null; then
    echo "skipped: $shell not found"
    continue
  fi
  "$shell" -n "$out/$shell" || fail "$shell does not read its script"
  expect "$shell" "windtunnel sw" sweep
  expect "$shell" "windtunnel run --rep" --report
  expect "$shell" "windtunnel run --set training.micro_b" training.micro_batch=
  tested=$((tested + 1))
done
[[ $tested == 0 ]] && exit 77
echo "$tested passed, 0 failed"
