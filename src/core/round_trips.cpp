#include <lonc/core/round_trips.hpp>

#include <algorithm>

namespace lonc::core {

Duration RoundTrips::mean() const {
  const std::uint64_t all = count();
  return all == 0 ? Duration::zero() : sum_ / static_cast<Duration::rep>(all);
}

Duration RoundTrips::quantile(double fraction) const {
  const double rank = fraction * static_cast<double>(count());
  double below = 0;
  for (std::size_t bucket = 0; bucket != bounds.size(); ++bucket) {
    const auto inside = static_cast<double>(counts_[bucket]);
    if (inside > 0 && below + inside >= rank) {
      const Duration from = bucket == 0 ? Duration::zero() : bounds[bucket - 1];
      const double share = std::clamp((rank - below) / inside, 0.0, 1.0);
      return from + std::chrono::duration_cast<Duration>((bounds[bucket] - from) * share);
    }
    below += inside;
  }
  return count() == 0 ? Duration::zero() : bounds.back();
}

}  // namespace lonc::core
