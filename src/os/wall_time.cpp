#include <lonc/os/wall_time.hpp>

#include <lonc/core/base/text.hpp>

#include <fmt/chrono.h>

#include <array>
#include <cstddef>
#include <ctime>

namespace lonc::os {

namespace {

using std::chrono::floor;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct CachedSecond {
  std::time_t second = 0;
  std::string text;  // empty: not used yet
};

// strptime() is lenient: it accepts missing digits, blanks, and days that a month does not have. So the time is
// formatted the same way and compared.
std::optional<WallTime> parse(std::string_view text, const char* form) {
  const std::string terminated(text);
  std::tm fields{};
  const char* const end = ::strptime(terminated.c_str(), form, &fields);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const std::time_t second = ::timegm(&fields);
  if (::gmtime_r(&second, &fields) == nullptr) return std::nullopt;
  if (fmt::format(fmt::runtime(fmt::format("{{:{}}}", form)), fields) != text) return std::nullopt;
  return WallTime{seconds{second}};
}

}  // namespace

void append_local_time(std::string& out, WallTime time) {
  // A log line contains two times, now and the start of the sender's state; over all peers there are few different
  // values of either.
  thread_local std::array<CachedSecond, 16> cache;
  const std::time_t second = floor<seconds>(time).time_since_epoch().count();
  CachedSecond& slot = cache.at(static_cast<std::size_t>(second) % cache.size());
  if (slot.text.empty() || slot.second != second) {
    std::tm fields{};
    if (localtime_r(&second, &fields) == nullptr) fields = {};
    slot = {second, fmt::format("{:%a %b %e %H:%M:%S %Y}", fields)};
  }
  out += slot.text;
}

std::string local_time_text(WallTime time) {
  std::string out;
  append_local_time(out, time);
  return out;
}

std::string utc_text(WallTime time) {
  const auto second = floor<seconds>(time);
  const auto fraction = floor<milliseconds>(time - second);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(second.time_since_epoch().count()), fraction.count());
}

std::optional<WallTime> parse_utc(std::string_view text) {
  constexpr std::string_view whole = "2002-03-08T03:56:19";
  if (!text.ends_with('Z')) return std::nullopt;
  text.remove_suffix(1);
  milliseconds fraction{0};
  if (text.size() > whole.size()) {
    const auto digits = core::number_in<unsigned>(text.substr(whole.size() + 1));
    if (!digits || text.size() != whole.size() + 4 || text[whole.size()] != '.') return std::nullopt;
    fraction = milliseconds{*digits};
  }
  const auto second = parse(text.substr(0, whole.size()), "%Y-%m-%dT%H:%M:%S");
  return second ? std::optional(*second + fraction) : std::nullopt;
}

std::optional<WallTime> parse_http_date(std::string_view text) { return parse(text, "%a, %d %b %Y %H:%M:%S GMT"); }

}  // namespace lonc::os
