#include <lonc/core/backoff.hpp>

#include <algorithm>
#include <limits>

namespace lonc::core {

namespace {

// Neighbouring seeds of a linear generator begin with neighbouring numbers, so peers that are numbered one after
// the other would come back together. This spreads any seed over all bits (the finalizer of splitmix64).
constexpr std::uint64_t mix(std::uint64_t seed) {
  seed += 0x9e3779b97f4a7c15U;
  seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9U;
  seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebU;
  return seed ^ (seed >> 31);
}

// first * 2^failures, but no more than longest.
Duration bound_after(unsigned failures, Duration first, Duration longest) {
  if (failures >= std::numeric_limits<Duration::rep>::digits) return longest;
  if (first.count() > (longest.count() >> failures)) return longest;
  return Duration{first.count() << failures};
}

}  // namespace

Backoff::Backoff(Duration first, Duration longest, std::uint64_t seed)
    : first_(first), longest_(longest), random_(static_cast<std::minstd_rand::result_type>(mix(seed))) {
  set_bounds(first, longest);
}

void Backoff::set_bounds(Duration first, Duration longest) {
  first_ = std::max(first, Duration::zero());
  longest_ = std::max(longest, Duration::zero());
}

Duration Backoff::next() {
  const Duration bound = first_ == Duration::zero() ? first_ : bound_after(failures_, first_, longest_);
  if (failures_ < std::numeric_limits<unsigned>::max()) ++failures_;
  std::uniform_int_distribution<Duration::rep> pick(0, bound.count());
  return Duration{pick(random_)};
}

}  // namespace lonc::core
