// Times in buckets that are 1 % wide: percentiles of millions of requests without storing each time.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace lonc::bench {

class Histogram {
 public:
  void add(std::chrono::nanoseconds time) {
    const double microseconds = std::max(0.1, static_cast<double>(time.count()) / 1000);
    const auto bucket = static_cast<std::size_t>(std::log(microseconds / 0.1) / width);
    ++counts_[std::min(bucket, counts_.size() - 1)];
    ++total_;
  }

  // In microseconds; 0 if there is none.
  double quantile(double part) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(total_)));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size() && total_ != 0; ++bucket) {
      seen += counts_[bucket];
      if (seen >= wanted) return 0.1 * std::exp((static_cast<double>(bucket) + 0.5) * width);
    }
    return 0;
  }

 private:
  static constexpr double width = 0.01;
  std::array<std::uint64_t, 2200> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace lonc::bench
