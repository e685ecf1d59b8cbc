#include <lonc/core/batch_policy.hpp>

#include <algorithm>

namespace lonc::core {

namespace {

// A batch that takes longer was one too many by far.
constexpr Duration much_too_long = std::chrono::milliseconds{50};

constexpr unsigned most_good_before_more = 256;

// One answer that was doubled or cut off reads as a fence that failed. A peer that has none fails each time.
constexpr unsigned fences_to_fail = 3;

}  // namespace

BatchPolicy::Mode BatchPolicy::mode(TimePoint now) const {
  if (now < unfenced_until_) return Mode::unfenced;
  if (!is_proven_) return Mode::untried;
  return now < watched_until_ || doubles_line_ends_ ? Mode::watched : Mode::proven;
}

std::size_t BatchPolicy::limit(TimePoint now, std::size_t depth) const {
  return mode(now) == Mode::proven ? std::clamp<std::size_t>(size_, 1, std::max<std::size_t>(1, depth)) : 1;
}

// All of a batch wait for its last answer. So it may be as large as the peer makes short work of: where it takes half
// as long again as a single request, each request takes time of its own there, and several connections answer sooner.
void BatchPolicy::answered(TimePoint now, std::size_t requests, Duration time, std::size_t depth) {
  if (is_fenced(now, depth)) {
    is_proven_ = true;
    fence_worked_ = now;
    failed_fences_ = 0;
  }
  measure(time);
  const Duration longest = std::max(moment, shortest_ + shortest_ / 2);
  if (time > longest && requests > 1) {
    size_ = time > std::max(longest, much_too_long) ? 1 : std::max<std::size_t>(1, requests / 2);
    good_before_more_ = std::min(4 * good_before_more_, most_good_before_more);
    good_in_a_row_ = 0;
  } else if (requests >= size_ && ++good_in_a_row_ >= good_before_more_) {
    if (requests > 1) good_before_more_ = std::max(1U, good_before_more_ / 2);
    good_in_a_row_ = 0;
    size_ = std::min(std::max<std::size_t>(1, depth), size_ + 1 + size_ / 4);
  }
}

void BatchPolicy::broke(TimePoint now, Duration trust_after) {
  watched_until_ = std::max(watched_until_, now + trust_after);
  is_proven_ = false;
  size_ = 1;
}

void BatchPolicy::fence_failed(TimePoint now, Duration trust_after) {
  is_proven_ = false;
  if (++failed_fences_ < fences_to_fail) return;
  failed_fences_ = 0;
  unfenced_until_ = now + trust_after;
  size_ = 1;
}

void BatchPolicy::measure(Duration time) {
  if (!has_measured_) {
    has_measured_ = true;
    smoothed_ = shortest_ = time;
    variation_ = time / 2;
    return;
  }
  const Duration off = time > smoothed_ ? time - smoothed_ : smoothed_ - time;
  variation_ += (off - variation_) / 4;
  smoothed_ += (time - smoothed_) / 8;
  shortest_ = time < shortest_ ? time : shortest_ + (time - shortest_) / 64;
}

}  // namespace lonc::core
