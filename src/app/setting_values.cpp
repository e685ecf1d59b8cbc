#include "setting_values.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

namespace lonc::app {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the number off the front of `text`. Only digits and at most one point, which from_chars would not insist on.
std::optional<double> take_decimal(std::string_view& text) {
  const auto end = std::find_if(text.begin(), text.end(), [](char c) { return !is_digit(c) && c != '.'; });
  const auto length = static_cast<std::size_t>(end - text.begin());
  if (length == 0 || !is_digit(text[0]) || !is_digit(text[length - 1])) return std::nullopt;
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + length, value, std::chars_format::fixed);
  if (error != std::errc{} || stop != text.data() + length) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

std::optional<double> milliseconds_in(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit.empty() || unit == "s") return 1000;
  if (unit == "m") return 60 * 1000;
  if (unit == "h") return 60 * 60 * 1000;
  return std::nullopt;
}

}  // namespace

std::optional<core::Duration> parse_duration(std::string_view text) {
  constexpr double most = 1e12;  // 31 years; more would not fit when counted in nanoseconds
  const auto number = take_decimal(text);
  const auto unit = milliseconds_in(text);
  if (!number || !unit || *number * *unit > most) return std::nullopt;
  return std::chrono::milliseconds{std::llround(*number * *unit)};
}

std::string format_duration(core::Duration duration) {
  using std::chrono::hours;
  using std::chrono::seconds;
  if (duration % seconds{1} != seconds{0}) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + "ms";
  }
  const auto whole_hours = duration / hours{1};
  if (whole_hours > 0 && duration == hours{whole_hours}) return std::to_string(whole_hours) + 'h';
  return std::to_string(duration / seconds{1}) + 's';
}

std::optional<std::uint64_t> parse_count(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t unit = 1;
  if (text.ends_with('k') || text.ends_with('K')) unit = 1024;
  if (text.ends_with('M')) unit = 1024 * 1024;
  if (unit != 1) text.remove_suffix(1);
  const auto number = parse_count(text);
  if (!number || *number > std::numeric_limits<std::uint64_t>::max() / unit) return std::nullopt;
  return *number * unit;
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::uint64_t kibi = 1024;
  if (bytes != 0 && bytes % (kibi * kibi) == 0) return std::to_string(bytes / (kibi * kibi)) + 'M';
  if (bytes != 0 && bytes % kibi == 0) return std::to_string(bytes / kibi) + 'k';
  return std::to_string(bytes);
}

std::string format_octal(unsigned value) {
  std::string digits(4, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, value /= 8) {
    *digit = static_cast<char>('0' + value % 8);
  }
  return digits;
}

bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

std::optional<std::string> parse_path(std::string_view text) {
  if (!text.starts_with('/') || !is_printable(text)) return std::nullopt;
  while (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace lonc::app
