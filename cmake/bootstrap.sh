#!/bin/bash
# From a fresh Debian 12 to a running lonc: installs missing packages, builds, and runs the demo or the tests.
set -euo pipefail

# To build lonc.
packages_build=(
  cmake g++ ninja-build pkg-config
  libboost1.81-dev libboost-program-options1.81-dev libfmt-dev libsystemd-dev
  nlohmann-json3-dev prometheus-cpp-dev
)
# To configure and build with the tests, and to run the demo.
packages_demo=(
  catch2 libgcrypt20-dev perl python3
)
# To run the tests.
packages_test=(
  "${packages_demo[@]}"
  chromium chromium-driver clang-format-19 iproute2 libcryptx-perl mandoc prometheus valgrind
)
# For the checks of .ci/run beyond the tests.
packages_check=(
  clang-19 clang-tidy-19 libclang-rt-19-dev shellcheck
)
# The programs with which the benchmark compares lonc, and its tools.
packages_bench=(
  haproxy nutcracker strace
)
# To make the Debian package, inspect it, install it, and boot a node with it.
packages_node=(
  debootstrap dpkg-dev lintian python3 systemd systemd-container
)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root

usage() {
  cat <<EOF
usage: cmake/bootstrap.sh COMMAND

  demo       build lonc, start it between two peers on loopback, and show what it does
  test [OPTION]...
             build everything and run all tests; options are those of cmake/test_summary.py
  bench [OPTION]...
             build it optimised and compare it with other proxies; options are those of test/bench/run.py
  chaos [OPTION]...
             put the release binary under fire and judge every answer; options are those of test/chaos/run.py
  sim [OPTION]...
             run lonc in simulated worlds, in virtual time; options are those of lonc-sim (1,000 seeds without any)
  variants [OPTION]...
             try the planted faults: tests or the simulator must catch each; options are those of test/variants/run.py
  faults [OPTION]...
             make system calls of lonc fail, and judge what follows; options are those of test/faults/run.py
  node [OPTION]...
             make the Debian package, and test it: its contents, its installation, and a booted node (as root);
             options are those of cmake/test_summary.py
  install [build|demo|test|check|bench|node]...
             only install the Debian packages (build, test and check when none is named)
  packages   print the packages of all groups, and do nothing
EOF
}

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'bootstrap: %s\n' "$*" >&2
  exit 1
}

# Runs a command as root: directly, or through sudo.
as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "packages are missing and there is no sudo; as root: apt-get install --no-install-recommends ${missing[*]}"
  fi
}

is_debian_12() (
  # shellcheck disable=SC1091
  . /etc/os-release 2>/dev/null && [[ ${ID:-} == debian && ${VERSION_ID:-} == 12 ]]
)

# Asks only dpkg, so that a second call is quick and needs no network.
install_missing() {
  if ! is_debian_12; then
    fail "this script knows the packages of Debian 12 only. Elsewhere, install what these are called there:
  $*
and then:
  cmake --preset dev && cmake --build --preset dev && ctest --preset dev"
  fi
  missing=()
  local package state
  for package in "$@"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $state == installed ]] || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then return; fi
  say "Installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# Sets `options` so that a second build is quick, or, without ccache, the first one.
use_ccache() {
  options=()
  if command -v ccache >/dev/null; then
    options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    # A service account often has no home directory of its own.
    if [[ -z ${CCACHE_DIR:-} && ! -w ${HOME:-/nonexistent} ]]; then export CCACHE_DIR=$root/build/ccache; fi
  else
    options+=("$@")
  fi
}

# Configures build/dev and builds the targets named, or all.
build_dev() {
  mkdir -p "$root/build"
  [[ -w $root/build ]] || fail "cannot write to $root/build; it belongs to $(stat -c %U "$root/build")"
  local options
  use_ccache -DLONC_PRECOMPILE=ON
  say "Configuring build/dev"
  (cd "$root" && cmake --preset dev --log-level=WARNING "${options[@]}")
  say "Building build/dev on $(nproc) cores"
  cmake --build "$root/build/dev" --parallel "$(nproc)" ${1:+--target "$@"}
}

demo() {
  install_missing "${packages_build[@]}" "${packages_demo[@]}"
  build_dev lonc lond-standin
  exec bash "$root/cmake/demo.sh" "$root/build/dev"
}

run_tests() {
  install_missing "${packages_build[@]}" "${packages_test[@]}"
  build_dev
  say "Running all tests"
  bash "$root/cmake/run_tests.sh" dev "$@"
}

bench() {
  install_missing "${packages_build[@]}" "${packages_demo[@]}" "${packages_bench[@]}"
  say "Building build/bench"
  (cd "$root" && cmake --preset bench --log-level=WARNING)
  cmake --build "$root/build/bench" --parallel "$(nproc)" --target lonc bench-peer bench-load bench-bare
  exec python3 -B "$root/test/bench/run.py" --build "$root/build/bench" "$@"
}

chaos() {
  install_missing "${packages_build[@]}" "${packages_demo[@]}"
  local options
  use_ccache
  say "Building build/release and the peers and clients of build/bench"
  (cd "$root" && cmake --preset release --log-level=WARNING "${options[@]}" &&
    cmake --preset bench --log-level=WARNING "${options[@]}")
  cmake --build "$root/build/release" --parallel "$(nproc)" --target lonc
  cmake --build "$root/build/bench" --parallel "$(nproc)" --target chaos-peer chaos-load
  exec python3 -B "$root/test/chaos/run.py" --build "$root/build/bench" --lonc "$root/build/release/src/lonc" "$@"
}

sim() {
  install_missing "${packages_build[@]}" "${packages_demo[@]}"
  build_dev lonc-sim
  if (($# == 0)); then set -- --seeds 1000; fi
  exec "$root/build/dev/test/sim/lonc-sim" "$@"
}

variants() {
  install_missing "${packages_build[@]}" "${packages_demo[@]}"
  build_dev variants
  exec python3 -B "$root/test/variants/run.py" --build "$root/build/dev" --jobs "$(nproc)" "$@"
}

faults() {
  install_missing "${packages_build[@]}" "${packages_demo[@]}"
  build_dev lonc loncctl lond-standin lonc-load lonc_fault_calls
  exec python3 -B "$root/test/faults/run.py" --library "$root/build/dev/test/faults/libfault.so" "$@"
}

node() {
  install_missing "${packages_build[@]}" "${packages_node[@]}"
  local options
  use_ccache
  say "Building build/release"
  (cd "$root" && cmake --preset release --log-level=WARNING -DLONC_BUILD_NODE_TESTS=ON "${options[@]}")
  cmake --build "$root/build/release" --parallel "$(nproc)"
  say "Making the package"
  (cd "$root/build/release" && rm -f ./*.deb && cpack && cpack --config CPackSourceConfig.cmake)
  say "Testing the package"
  bash "$root/cmake/run_tests.sh" release "$@" -- --label-regex '^(package|boot)$'
}

install_groups() {
  local group chosen=()
  if (($# == 0)); then set -- build test check; fi
  for group in "$@"; do
    case $group in
      build) chosen+=("${packages_build[@]}") ;;
      demo) chosen+=("${packages_demo[@]}") ;;
      test) chosen+=("${packages_test[@]}") ;;
      check) chosen+=("${packages_check[@]}") ;;
      bench) chosen+=("${packages_bench[@]}") ;;
      node) chosen+=("${packages_node[@]}") ;;
      *) fail "no such group of packages: $group" ;;
    esac
  done
  install_missing "${chosen[@]}"
}

print_packages() {
  printf '%s\n' "${packages_build[@]}" "${packages_test[@]}" "${packages_check[@]}" "${packages_bench[@]}" \
    "${packages_node[@]}"
}

case ${1:-} in
  demo) demo ;;
  test) run_tests "${@:2}" ;;
  bench) bench "${@:2}" ;;
  chaos) chaos "${@:2}" ;;
  sim) sim "${@:2}" ;;
  variants) variants "${@:2}" ;;
  faults) faults "${@:2}" ;;
  node) node "${@:2}" ;;
  install) install_groups "${@:2}" ;;
  packages) print_packages ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
