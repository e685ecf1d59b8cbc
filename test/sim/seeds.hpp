// Runs many seeds, each in a process of its own, adds up what they have counted, and makes a failure small.
#pragma once

#include "sim/run.hpp"

#include <cstdint>

namespace lonc::sim {

struct Options {
  std::uint64_t first = 1;
  std::uint64_t seeds = 100;
  std::uint64_t jobs = 0;  // 0: as many as there are processors
  Mode mode;
};

// Ends with one line of totals. 1 if anything was violated, or something that the seeds should show has not happened.
int run_seeds(const Options& options);

}  // namespace lonc::sim
