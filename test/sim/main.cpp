// lonc-sim: each seed is a world of its own, in a process of its own.
#include "sim/run.hpp"
#include "sim/script.hpp"
#include "sim/seeds.hpp"

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr const char* usage =
    "usage: lonc-sim [--seeds N] [--seed S] [--jobs N] [--spool | --days N] [--trace]\n"
    "  --seeds N  how many worlds are simulated (default 100), from --seed on\n"
    "  --seed S   the first of them (default 1); without --seeds, only this one\n"
    "  --jobs N   how many at the same time (default: as many as there are processors)\n"
    "  --spool    only delayed messages, on a disk that loses what was not synced\n"
    "  --days N   as many quiet days with 50 peers instead of busy seconds\n"
    "  --trace    prints everything that happens, with the time in the world\n";

bool take_number(const char* text, std::uint64_t& number) {
  const char* const end = text + std::strlen(text);
  return std::from_chars(text, end, number).ptr == end && text != end;
}

}  // namespace

int main(int argc, char** argv) {
  lonc::sim::Options options;
  bool has_count = false;
  bool has_seed = false;
  for (int at = 1; at < argc; ++at) {
    const std::string_view word = argv[at];
    std::uint64_t* number = nullptr;
    if (word == "--seeds") number = &options.seeds;
    if (word == "--seed") number = &options.first;
    if (word == "--jobs") number = &options.jobs;
    if (word == "--days") number = &options.mode.days;
    has_count |= word == "--seeds";
    has_seed |= word == "--seed";
    if (word == "--trace") {
      options.mode.is_tracing = true;
    } else if (word == "--spool") {
      options.mode.is_spool = true;
    } else if (number == nullptr || at + 1 == argc || !take_number(argv[++at], *number)) {
      std::fputs(usage, word == "--help" ? stdout : stderr);
      return word == "--help" ? 0 : 2;
    }
  }
  if ((has_seed || options.mode.days != 0) && !has_count) options.seeds = 1;
  return lonc::sim::run_seeds(options);
}
