# SPDX-License-Identifier: Apache-2.0
# Writes bursty_trace.csv: awk -f bursty_trace.awk > bursty_trace.csv
# Arrivals alternate between 4 and 12 per second, 20 s each on average; prompts and outputs are geometric.
# The random numbers are those of Park and Miller (Communications of the ACM 31, 1988), the same with every awk.
function uniform() { state = (state * 16807) % 2147483647; return state / 2147483647 }
function exponential(mean) { return -mean * log(uniform()) }
BEGIN {
  state = 20240611
  print "arrival_s,prompt_tokens,output_tokens"
  for (requests = 0; requests < 3000;) {
    gap = exponential(busy ? 1 / 12 : 1 / 4)
    change = exponential(20)
    if (change < gap) { at += change; busy = !busy; continue }
    at += gap
    printf "%.3f,%d,%d\n", at, 1 + exponential(700), 1 + exponential(200)
    ++requests
  }
}
