#include <lonc/core/reply_lines.hpp>

namespace lonc::core {

namespace {

constexpr std::size_t kept_bytes = 4096;  // of the memory for lines, while nothing is awaited

}  // namespace

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
  expect(0);
  if (text_.capacity() > kept_bytes) std::string().swap(text_);
}

std::string_view ReplyLines::operator[](std::size_t number) const {
  const std::size_t begin = number == 0 ? 0 : ends_[number - 1];
  return std::string_view(text_).substr(begin, ends_[number] - begin);
}

}  // namespace lonc::core
