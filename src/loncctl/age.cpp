#include "age.hpp"

#include <charconv>
#include <cstdint>

namespace lonc::ctl {

namespace {

// Takes a number of exactly `digits` digits off the front; -1 if there is none.
int take_number(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits || text.front() == '-') return -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits) return -1;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char byte) {
  if (!text.starts_with(byte)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string age_text(std::chrono::duration<double> age) {
  const auto whole = age.count() > 0 ? static_cast<std::int64_t>(age.count()) : 0;
  if (whole < 120) return std::to_string(whole) + "s";
  if (whole < 7200) return std::to_string(whole / 60) + "m";
  if (whole < 172'800) return std::to_string(whole / 3600) + "h";
  return std::to_string(whole / 86'400) + "d";
}

std::optional<WallTime> parse_utc(std::string_view text) {
  const int year = take_number(text, 4);
  if (year < 0 || !take(text, '-')) return std::nullopt;
  const int month = take_number(text, 2);
  if (month < 0 || !take(text, '-')) return std::nullopt;
  const int day = take_number(text, 2);
  if (day < 0 || !take(text, 'T')) return std::nullopt;
  const int hour = take_number(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ':')) return std::nullopt;
  const int minute = take_number(text, 2);
  if (minute < 0 || minute > 59 || !take(text, ':')) return std::nullopt;
  const int second = take_number(text, 2);
  if (second < 0 || second > 60) return std::nullopt;
  int millisecond = 0;
  if (take(text, '.')) millisecond = take_number(text, 3);
  if (millisecond < 0 || text != "Z") return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second} + std::chrono::milliseconds{millisecond};
}

}  // namespace lonc::ctl
