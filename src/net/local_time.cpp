#include <lonc/net/local_time.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <string_view>

namespace lonc::net {
namespace {

// The names are fixed English: strftime would follow the locale.
constexpr std::array<const char*, 7> day_names{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct CachedSecond {
  bool valid = false;
  std::time_t second = 0;
  std::array<char, 48> text{};
  std::size_t size = 0;
};

void fill(CachedSecond& slot, std::time_t second) {
  std::tm fields{};
  if (localtime_r(&second, &fields) == nullptr) fields = {};
  const int size = std::snprintf(slot.text.data(), slot.text.size(), "%s %s %2d %02d:%02d:%02d %d",
                                 day_names.at(static_cast<std::size_t>(fields.tm_wday)),
                                 month_names.at(static_cast<std::size_t>(fields.tm_mon)), fields.tm_mday,
                                 fields.tm_hour, fields.tm_min, fields.tm_sec, fields.tm_year + 1900);
  slot.size = static_cast<std::size_t>(size);
  slot.second = second;
  slot.valid = true;
}

}  // namespace

void append_local_time(std::string& out, std::chrono::system_clock::time_point time) {
  // A log line names two times, now and the start of the sender's state; peers share few of either.
  thread_local std::array<CachedSecond, 16> cache;
  const auto second =
      static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
  CachedSecond& slot = cache.at(static_cast<std::size_t>(second) % cache.size());
  if (!slot.valid || slot.second != second) fill(slot, second);
  out.append(slot.text.data(), slot.size);
}

std::string local_time_text(std::chrono::system_clock::time_point time) {
  std::string out;
  append_local_time(out, time);
  return out;
}

}  // namespace lonc::net
