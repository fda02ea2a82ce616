#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ctrl-C during a sweep leaves no file at all, and with --resume only the journal, from which the same command goes on.
#   interrupt_test.sh PROGRAM SOURCE OUT
set -uo pipefail
program=$1 source=$2 out=$3/interrupt
rm -rf "$out" && mkdir -p "$out" && cd "$out" || exit 1
spec=$source/test/program/small_training.yaml
fail() { echo "FAILED: $*"; exit 1; }

# Many seconds of work: it is interrupted long before the end.
vary=('cluster.scale_out.bandwidth=log(100..800:60000) Gb/s')
interrupt() { # JOURNAL OPTIONS: SIGINT after two seconds, or once the journal (if any) has rows
  local journal=$1
  shift
  set -m
  "$program" sweep "$spec" --vary "${vary[0]}" --jobs 1 "$@" 2>/dev/null &
  local pid=$!
  sleep 2
  for ((wait = 0; wait < 60; ++wait)); do
    [[ -z $journal || ( -f $journal && $(wc -l <"$journal") -gt 2 ) ]] && break
    sleep 1
  done
  kill -INT "$pid"
  wait "$pid"
  [[ $? == 130 ]] || fail "the exit code of an interrupted sweep is not that of SIGINT"
}

interrupt '' --output plain.csv
[[ -z $(ls -A) ]] || fail "an interrupted sweep left $(ls -A)"
interrupt kept.csv.partial --output kept.csv --resume
[[ $(ls -A) == kept.csv.partial ]] || fail "an interrupted --resume left $(ls -A)"
[[ $(wc -l <kept.csv.partial) -gt 2 ]] || fail "the journal is empty"
echo "1 passed, 0 failed"
