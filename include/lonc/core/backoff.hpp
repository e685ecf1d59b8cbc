// Exponential back-off with full jitter: a delay drawn evenly from 0 to a bound that doubles with each failure.
#pragma once

#include <lonc/core/types.hpp>

#include <cstdint>
#include <random>

namespace lonc::core {

class Backoff {
 public:
  Backoff(Duration first, Duration longest, std::uint64_t seed);

  // The delay before the next attempt; counts one more failure.
  Duration next();
  void reset() { failures_ = 0; }
  void set_bounds(Duration first, Duration longest);

  unsigned failures() const { return failures_; }

 private:
  Duration first_;
  Duration longest_;
  unsigned failures_ = 0;
  std::minstd_rand random_;
};

}  // namespace lonc::core
