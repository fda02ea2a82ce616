#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The report page in headless Chromium, as wide as a phone and as a desk: it loads nothing from outside, is not wider than the
# window, shows the numbers of the JSON, prints. Leaves the screenshots in OUT. Exit code 77: skipped.
#   page_test.sh PROGRAM SOURCE OUT
set -euo pipefail
program=$1 source=$2 out=$3
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [[ -z $browser ]]; then
  echo "skipped: chromium not found"
  exit 77
fi
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
cd "$source"
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

chrome() {
  timeout 100 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --no-first-run \
    --user-data-dir="$profile" "$@" 2>"$out/chrome.log"
}

check_page() { # NAME WIDTH HEIGHT
  local page=$out/$1.html measured
  # A copy that tells its own width; the page itself has no script.
  { cat "$page"; echo '<script>document.title = "wide " + document.documentElement.scrollWidth + " of " + window.innerWidth;</script>'; } >"$out/measured.html"
  measured=$(chrome --window-size="$2,$3" --dump-dom "file://$out/measured.html" | grep -o '<title>wide [0-9]* of [0-9]*' | tr -dc '0-9 ')
  read -r wide of <<<"$measured"
  [[ -n ${of:-} && $wide -le $of ]] || fail "$1 is ${wide:-?} wide in a window of ${of:-?}"
  chrome --window-size="$2,$3" --screenshot="$out/$1_$2.png" "file://$page" >/dev/null
  [[ -s $out/$1_$2.png ]] || fail "no picture of $1"
  if grep -qiE 'ERROR:CONSOLE|net::ERR' "$out/chrome.log"; then fail "$1: $(grep -iE 'ERROR:CONSOLE|net::ERR' "$out/chrome.log" | head -1)"; fi
}

for spec in examples/*.yaml; do
  name=$(basename "$spec" .yaml)
  mfu=$("$program" run "$spec" --report "$out/$name.html" 2>/dev/null | grep -E '^  (mfu_ratio|ettr_ratio|batch_mean) ' | head -1 | awk '{print $2}')
  grep -q ">$mfu<" "$out/$name.html" || fail "$name: the page does not show $mfu"
  check_page "$name" 500 900   # the narrowest window Chromium opens
  check_page "$name" 1280 900
done
"$program" explain examples/llama3_405b_training.yaml --format html --output "$out/explain.html"
check_page explain 500 900
chrome --print-to-pdf="$out/page.pdf" "file://$out/llama3_405b_training.html" >/dev/null
[[ $(head -c 4 "$out/page.pdf") == %PDF ]] || fail "the page does not print"
[[ $failures == 0 ]] && echo "1 passed, 0 failed"
exit $((failures > 0))
