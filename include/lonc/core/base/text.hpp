// Reads lines and numbers, and makes text from outside safe for a log line, a status page or a person. Nothing here
// changes what is relayed.
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace lonc::core {

// ASCII only: the locale does not influence what is written.
constexpr bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string to_lower(std::string text);

// The command word of a request: the part before the first colon, without `encrypt:`, which `is_encrypted_request`
// reports. At most 15 bytes; bytes other than [A-Za-z0-9_] become '?'. A request without a colon that is not one of the
// commands without arguments yields "?", because it may be a secret.
// Logs and status show nothing else of a request.
std::string command_word(std::string_view request);

// Escapes outside text for the log, which loncron puts into a web page, and for the TAB-separated status file: < > &
// become entities; control and non-ASCII bytes become \xHH. Text longer than `limit` bytes is cut and marked with
// "...".
std::string escape_outside_text(std::string_view text, std::size_t limit = 200);

// The same, in quotation marks.
std::string quoted(std::string_view text);

// "1 peer", "2 peers".
std::string counted(std::size_t number, std::string_view what);

// "a, b, c". Names at most ten: "..., j and 12 more".
std::string listed(const std::vector<std::string>& names);

// --- lines and blanks, handled the same way for all configuration files

// Removes blanks, TABs and line ends at both ends.
constexpr std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Calls `use(line, number)` for each line, without its "\n" or "\r\n"; numbers count from 1. A byte order mark at the
// start, which some editors write, is not part of the first line.
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

// Parses a text that consists of one number and nothing else: decimal, without blanks or a plus sign. Nothing if the
// text is not a number or the number does not fit.
template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace lonc::core
