#!/bin/bash
# Fails if a C++ file is not formatted as .clang-format requires, or has a comment beyond the line width, which
# clang-format does not change. check_format.sh ROOT; with --fix it writes the files instead.
set -euo pipefail

cd "$1"
command -v clang-format-19 >/dev/null || {
  echo "clang-format-19 is not installed" >&2
  exit 77
}
mapfile -t files < <(find include src test -name '*.cpp' -o -name '*.hpp' | sort)
if ((${#files[@]} == 0)); then
  echo "no file found under $1" >&2
  exit 1
fi
if [[ ${2:-} == --fix ]]; then
  clang-format-19 -i "${files[@]}"
else
  clang-format-19 --dry-run --Werror "${files[@]}"
  awk 'length > 120 && /^ *\/\// { print FILENAME ":" FNR ": a comment of more than 120 bytes"; wide = 1 }
    END { exit wide }' "${files[@]}"
fi
