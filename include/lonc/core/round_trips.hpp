// How long a peer takes to answer: counts by duration. Adding one is a few comparisons and increments.
#pragma once

#include <lonc/core/types.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace lonc::core {

class RoundTrips {
 public:
  // The upper bounds of all buckets but the last, which has none.
  static constexpr std::array<Duration, 13> bounds{
      std::chrono::microseconds{500}, std::chrono::milliseconds{1},   std::chrono::microseconds{2500},
      std::chrono::milliseconds{5},   std::chrono::milliseconds{10},  std::chrono::milliseconds{25},
      std::chrono::milliseconds{50},  std::chrono::milliseconds{100}, std::chrono::milliseconds{250},
      std::chrono::seconds{1},        std::chrono::seconds{5},        std::chrono::seconds{30},
      std::chrono::seconds{300}};
  using Counts = std::array<std::uint64_t, bounds.size() + 1>;

  void add(Duration time) {
    std::size_t bucket = 0;
    while (bucket != bounds.size() && time > bounds[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += time;
  }

  const Counts& counts() const { return counts_; }
  Duration sum() const { return sum_; }
  std::uint64_t count() const { return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0}); }

  // Zero while count() is. A quantile is where it lies in its bucket if that is filled evenly, so it is as exact as the
  // buckets are narrow; beyond the last bound it is that bound.
  Duration mean() const;
  Duration quantile(double fraction) const;

 private:
  Counts counts_{};
  Duration sum_{};
};

}  // namespace lonc::core
