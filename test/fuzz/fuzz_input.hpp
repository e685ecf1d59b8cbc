// Takes numbers and text from the front of a fuzzer's input, and reports a broken promise.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzz {

// Not assert(): it is checked in every kind of build.
inline void require(bool promise, const char* text) {
  if (promise) return;
  std::fprintf(stderr, "broken: %s\n", text);
  std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool is_empty() const { return rest_.empty(); }

  // 0 at the end of the input.
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  std::string_view text(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  // The text up to the next '\n', which is dropped.
  std::string_view line() {
    const std::string_view taken = text(std::min(rest_.find('\n'), rest_.size()));
    if (!rest_.empty()) rest_.remove_prefix(1);
    return taken;
  }

  std::string_view rest() { return text(rest_.size()); }

 private:
  std::string_view rest_;
};

}  // namespace fuzz
