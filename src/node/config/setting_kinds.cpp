#include "node/config/setting_kinds.hpp"

#include <lonc/core/base/text.hpp>

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

namespace lonc::node {

namespace {

using core::Duration;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Removes the number at the start of `text`. Accepts only digits and at most one point; from_chars accepts more forms.
std::optional<double> take_decimal(std::string_view& text) {
  const auto length = std::min(text.find_first_not_of("0123456789."), text.size());
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

std::optional<Duration> parse_duration(std::string_view text) {
  constexpr double most = 1e12;  // 31 years; far longer durations do not fit in nanoseconds
  const auto number = take_decimal(text);
  const auto unit = milliseconds_in(text);
  if (!number || !unit || *number * *unit > most) return std::nullopt;
  return std::chrono::milliseconds{std::llround(*number * *unit)};
}

std::string format_duration(Duration duration) {
  using namespace std::chrono_literals;
  if (duration % 1s != 0s) return fmt::format("{}ms", duration / 1ms);
  if (duration >= 1h && duration % 1h == 0s) return fmt::format("{}h", duration / 1h);
  return fmt::format("{}s", duration / 1s);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t unit = 1;
  if (text.ends_with('k') || text.ends_with('K')) unit = 1024;
  if (text.ends_with('M')) unit = 1024 * 1024;
  if (unit != 1) text.remove_suffix(1);
  const auto number = core::number_in<std::uint64_t>(text);
  if (!number || *number > std::numeric_limits<std::uint64_t>::max() / unit) return std::nullopt;
  return *number * unit;
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::uint64_t kibi = 1024;
  if (bytes != 0 && bytes % (kibi * kibi) == 0) return fmt::format("{}M", bytes / (kibi * kibi));
  if (bytes != 0 && bytes % kibi == 0) return fmt::format("{}k", bytes / kibi);
  return std::to_string(bytes);
}

template <typename Value>
Kind<Value> range(std::string_view what, Value least, Value most, std::optional<Value> (*parse)(std::string_view),
                  std::string (*format)(Value)) {
  return {fmt::format("{} from {} to {}", what, format(least), format(most)),
          [=](std::string_view text) {
            const auto value = parse(text);
            return value && *value >= least && *value <= most ? value : std::nullopt;
          },
          format};
}

std::string as_it_is(const std::string& value) { return value; }

bool is_printable(std::string_view text) { return std::ranges::none_of(text, core::is_control); }

}  // namespace

Kind<Duration> duration(Duration least, Duration most) {
  return range<Duration>("a duration", least, most, parse_duration, format_duration);
}

Kind<Duration> whole_seconds(Duration least, Duration most) {
  Kind<Duration> kind = duration(least, most);
  kind.accepts += ", in whole seconds";
  kind.parse = [parse = kind.parse](std::string_view text) {
    const auto value = parse(text);
    return value && *value % std::chrono::seconds{1} == Duration::zero() ? value : std::nullopt;
  };
  return kind;
}

Kind<Duration> or_word(const Kind<Duration>& kind, const std::string& word, Duration value) {
  return {kind.accepts + ", or " + word, [=](std::string_view text) { return text == word ? value : kind.parse(text); },
          [=](Duration each) { return each == value ? word : kind.format(each); }};
}

Kind<Duration> zero_or(const Kind<Duration>& kind) {
  return {"0, or " + kind.accepts,
          [=](std::string_view text) {
            const auto value = parse_duration(text);
            return value == Duration::zero() ? value : kind.parse(text);
          },
          kind.format};
}

Kind<std::uint64_t> count(std::uint64_t least, std::uint64_t most) {
  return range<std::uint64_t>("a whole number", least, most, core::number_in<std::uint64_t>,
                              [](std::uint64_t number) { return std::to_string(number); });
}

Kind<std::uint64_t> size(std::uint64_t least, std::uint64_t most) {
  return range<std::uint64_t>("a number of bytes", least, most, parse_size, format_size);
}

Kind<unsigned> mode() {
  return {"an octal mode from 0600 to 0777 that lets the owner read and write",
          [](std::string_view text) -> std::optional<unsigned> {
            unsigned value = 0;
            const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
            const bool is_number = error == std::errc{} && stop == text.data() + text.size();
            if (!is_number || value > 0777 || (value & 0600) != 0600) return std::nullopt;
            return value;
          },
          [](unsigned value) { return fmt::format("{:04o}", value); }};
}

Kind<std::string> text(std::string accepts, std::function<bool(std::string_view)> is_good) {
  return {std::move(accepts),
          [is_good = std::move(is_good)](std::string_view text) {
            return is_printable(text) && is_good(text) ? std::optional<std::string>(text) : std::nullopt;
          },
          as_it_is};
}

Kind<std::string> path() {
  return {"an absolute path",
          [](std::string_view text) -> std::optional<std::string> {
            if (!text.starts_with('/') || !is_printable(text)) return std::nullopt;
            while (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
            return std::string(text);
          },
          as_it_is};
}

Kind<std::string> or_nothing(Kind<std::string> kind) {
  kind.accepts += ", or nothing";
  kind.parse = [parse = std::move(kind.parse)](std::string_view text) {
    return text.empty() ? std::string() : parse(text);
  };
  return kind;
}

Kind<core::CommandSet> commands() {
  return {"command words separated by commas, or nothing", core::CommandSet::parse, &core::CommandSet::to_string};
}

}  // namespace lonc::node
