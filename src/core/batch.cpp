#include <lonc/core/batch.hpp>

#include <lonc/core/text.hpp>

#include <utility>

namespace lonc::core {

void Batch::begin(TimePoint now, std::vector<Request>& requests, std::string_view fence_answers,
                  bool may_double_line_ends) {
  requests_.swap(requests);
  written_ = now;
  fence_answers_ = fence_answers;
  lines_.expect(requests_.size() + (is_fenced() ? 1 : 0));
  // A ping's own answer could be taken for that of the fence.
  may_double_line_ends_ = may_double_line_ends && is_fenced() && requests_.size() == 1 && requests_[0].word != fence;
  has_leading_empty_line_ = false;
  empty_lines_ = 0;
}

// Of a single request with a fence the answer is the one line before that of the fence, and empty lines beside it are
// line ends that were written twice: behind a line always, in front of it where this peer is known to do so.
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
    // Nothing but empty lines before the answer to the fence: one of them was the answer.
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

// Ids hold no blanks.
bool Batch::is_fence_answer(std::string_view line) const {
  std::string_view rest = fence_answers_;
  while (!rest.empty()) {
    const std::size_t end = rest.find(' ');
    if (rest.substr(0, end) == line) return true;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return false;
}

void Batch::clear() {
  requests_.clear();
  fence_answers_.clear();
  lines_.clear();
}

Batch::Verdict Batch::verdict(bool is_mid_line) const {
  if (lines_.has_surplus()) return Verdict::wrong;
  if (!lines_.is_complete()) return Verdict::open;
  if (is_mid_line || (is_fenced() && !is_fence_answer(lines_.back()))) return Verdict::wrong;
  return Verdict::complete;
}

bool Batch::has_early_fence() const {
  return is_fenced() && lines_.size() != 0 && !lines_.is_complete() && is_fence_answer(lines_.back());
}

bool Batch::has_sole_answer() const {
  return requests_.size() == 1 && lacks_fence_only() && (!is_fence_answer(lines_[0]) || requests_[0].word == fence);
}

std::string Batch::describe() const {
  const std::size_t lines = lines_.size() + (lines_.has_surplus() ? 1 : 0);
  std::string text = counted(lines, "line") + (lines_.has_surplus() ? " or more" : "") + " for " +
                     counted(requests_.size(), "request");
  if (is_fenced()) text += " and a fence";
  return text;
}

}  // namespace lonc::core
