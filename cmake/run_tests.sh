#!/bin/bash
# Runs the tests of one built preset and sums them up:
# run_tests.sh PRESET [OPTION OF test_summary.py]... [-- OPTION OF ctest]...
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
preset=$1
shift
summary_options=()
while (($# > 0)) && [[ $1 != -- ]]; do
  summary_options+=("$1")
  shift
done
ctest_options=("${@:2}")

build=$root/build/$preset
rm -f "$build/tests.xml"
cd "$root"
status=0
ctest --preset "$preset" --parallel "$(nproc)" --output-junit "$build/tests.xml" "${ctest_options[@]}" || status=$?
ctest --preset "$preset" --show-only=json-v1 "${ctest_options[@]}" >"$build/tests.json"
python3 -B cmake/test_summary.py "$build" "${summary_options[@]}" || status=$?
exit "$status"
