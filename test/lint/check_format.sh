#!/bin/bash
# Fails when a C++ file is not as .clang-format has it. check_format.sh ROOT; with --fix it writes the files instead.
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
fi
