#include <lonc/core/engine/attempt_schedule.hpp>

#include <limits>

namespace lonc::core {

namespace {

// A linear generator yields neighbouring numbers for neighbouring seeds, so peers with consecutive numbers would
// reconnect at the same time. This spreads any seed over all bits (the finalizer of splitmix64).
constexpr std::uint64_t mix(std::uint64_t seed) {
  seed += 0x9e3779b97f4a7c15U;
  seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9U;
  seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebU;
  return seed ^ (seed >> 31);
}

}  // namespace

Backoff::Backoff(std::uint64_t seed) : random_(static_cast<std::minstd_rand::result_type>(mix(seed))) {}

Duration Backoff::next(Duration first, Duration longest) {
  first = std::max(first, Duration::zero());
  longest = std::max(longest, Duration::zero());
  // first * 2^doublings, but at most longest.
  const bool is_longest =
      doublings_ >= std::numeric_limits<Duration::rep>::digits || first.count() > (longest.count() >> doublings_);
  const Duration bound = is_longest && first > Duration::zero() ? longest : Duration{first.count() << doublings_};
  ++failures_;
  if (doublings_ < std::numeric_limits<Duration::rep>::digits) ++doublings_;
  return Duration{std::uniform_int_distribution<Duration::rep>(0, bound.count())(random_)};
}

// An attempt that was brought forward leaves the schedule unchanged: programs that ask for a dead peer again and again
// must not cause it to be tried less often once they stop.
void AttemptSchedule::plan_after_failure(TimePoint now) {
  if (backoff_.failures() > 0 && now < scheduled_) {
    backoff_.failed_early();
  } else {
    scheduled_ = now + backoff_.next(settings_.backoff_first, settings_.backoff_longest);
  }
  next_ = std::max(scheduled_, earliest(now));
  if (settings_.max_attempts > 0 && backoff_.failures() >= settings_.max_attempts) next_ = never;
}

}  // namespace lonc::core
