// Lines and blanks of configuration files, alike for all of them. Knows no file's syntax.
#pragma once

#include <cstddef>
#include <string_view>

namespace lonc::core {

// Without blanks, TABs and line ends at both ends.
constexpr std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Calls `use(line, number)` for each line, without its "\n" or "\r\n"; numbers count from 1. A byte order mark
// at the start, which some editors leave, is not part of the first line.
template <typename Use>
void for_each_line(std::string_view text, Use use) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    use(line, number);
  }
}

}  // namespace lonc::core
