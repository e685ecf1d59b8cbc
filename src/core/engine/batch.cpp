#include <lonc/core/engine/batch.hpp>

#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

void ReplyLines::expect(std::size_t lines) {
  text_.clear();
  ends_.clear();
  awaited_ = lines;
  empty_lines_ = 0;
  has_surplus_ = false;
}

void ReplyLines::add(std::string_view line) {
  if (is_complete()) {
    if (line.empty()) {
      ++empty_lines_;
    } else {
      has_surplus_ = true;
    }
    return;
  }
  text_.append(line);
  ends_.push_back(text_.size());
}

void ReplyLines::clear() {
  constexpr std::size_t kept_bytes = 4096;  // memory for lines that is kept while nothing is expected
  expect(0);
  give_back_excess(text_, kept_bytes);
}

std::string_view ReplyLines::operator[](std::size_t number) const {
  const std::size_t begin = number == 0 ? 0 : ends_[number - 1];
  return std::string_view(text_).substr(begin, ends_[number] - begin);
}

void Batch::begin(TimePoint now, std::vector<Request>& requests, std::string_view fence_answers,
                  bool may_double_line_ends) {
  requests_.swap(requests);
  written_ = now;
  fence_answers_ = fence_answers;
  lines_.expect(requests_.size() + (is_fenced() ? 1 : 0));
  // The answer to a ping request could be mistaken for the answer to the fence.
  may_double_line_ends_ = may_double_line_ends && is_fenced() && requests_.size() == 1 && requests_[0].word != fence;
  has_leading_empty_line_ = false;
  empty_lines_ = 0;
}

// For a single request with a fence the answer is the one line before the answer to the fence. Empty lines next to it
// are line ends that were written twice: always if they follow a line; if they precede it, only if this peer is known
// to do so.
void Batch::add_line(std::string_view line) {
  const bool is_single = is_fenced() && requests_.size() == 1;
  if (is_single && line.empty() && lines_.size() == 1) {
    ++empty_lines_;
    return;
  }
  if (may_double_line_ends_ && lines_.size() == 0) {
    if (line.empty()) {
      empty_lines_ += std::exchange(has_leading_empty_line_, true) ? 1U : 0U;
      return;
    }
    // Only empty lines before the answer to the fence: one of them was the answer.
    if (std::exchange(has_leading_empty_line_, false)) {
      if (is_fence_answer(line)) {
        lines_.add("");
      } else {
        ++empty_lines_;
      }
    }
  }
  lines_.add(line);
}

// Ids contain no blanks.
bool Batch::is_fence_answer(std::string_view line) const {
  std::string_view rest = fence_answers_;
  while (!rest.empty()) {
    const std::size_t end = rest.find(' ');
    if (rest.substr(0, end) == line) return true;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return false;
}

Batch::Verdict Batch::verdict(bool is_mid_line) const {
  if (lines_.has_surplus()) return Verdict::wrong;
  if (!lines_.is_complete()) return Verdict::open;
  if (is_mid_line || (is_fenced() && !has_fence_answers())) return Verdict::wrong;
  return Verdict::complete;
}

// A client's own ping is answered like the fence. If it were not compared, its answer would pass for that to the fence
// when a surplus line precedes it.
bool Batch::has_fence_answers() const {
  for (std::size_t i = 0; i != requests_.size(); ++i)
    if (requests_[i].is_ping && !is_fence_answer(lines_[i])) return false;
  return is_fence_answer(lines_.back());
}

std::string Batch::describe() const {
  const std::size_t lines = lines_.size() + (lines_.has_surplus() ? 1 : 0);
  std::string text = counted(lines, "line") + (lines_.has_surplus() ? " or more" : "") + " for " +
                     counted(requests_.size(), "request");
  if (is_fenced()) text += " and a fence";
  return text;
}

BatchPolicy::Mode BatchPolicy::mode(TimePoint now) const {
  if (now < unfenced_until_) return Mode::unfenced;
  if (!is_proven_) return Mode::untried;
  return now < watched_until_ || doubles_line_ends_ ? Mode::watched : Mode::proven;
}

std::size_t BatchPolicy::limit(TimePoint now, std::size_t depth) const {
  return mode(now) == Mode::proven ? std::clamp<std::size_t>(size_, 1, std::max<std::size_t>(1, depth)) : 1;
}

// All requests of a batch wait for its last answer, so a batch may only be as large as the peer handles quickly. If a
// batch takes half as long again as a single request, the peer spends time on each request, and several connections
// answer sooner.
void BatchPolicy::answered(TimePoint now, std::size_t requests, Duration time, std::size_t depth) {
  if (is_fenced(now, depth)) {
    is_proven_ = true;
    fence_worked_ = now;
    failed_fences_ = 0;
  }
  measure(time);
  constexpr Duration much_too_long = std::chrono::milliseconds{50};  // for a batch that was not far too large
  constexpr unsigned most_good_before_more = 256;
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
  // A single duplicated or truncated answer looks like a failed fence. A peer that does not support fences fails each
  // time.
  constexpr unsigned fences_to_fail = 3;
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
