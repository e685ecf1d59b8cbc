// Converts times of the system clock to and from text: the one place that knows how they are written. No function here
// depends on the locale; all may be called from any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace lonc::os {

using WallTime = std::chrono::system_clock::time_point;

// Local time as Perl's `scalar localtime` writes it: "Fri Mar  8 03:56:19 2002". Used by log and status, which older
// tools read. Cheap when the same few seconds are requested repeatedly.
void append_local_time(std::string& out, WallTime time);
std::string local_time_text(WallTime time);

// ISO 8601 in UTC: "2002-03-08T03:56:19.042Z".
std::string utc_text(WallTime time);

// Parses the same form, with or without the fraction. No value for anything else.
std::optional<WallTime> parse_utc(std::string_view text);

// Parses "Sun, 06 Nov 1994 08:49:37 GMT", the one form of an HTTP date that is sent today. No value for anything else.
std::optional<WallTime> parse_http_date(std::string_view text);

}  // namespace lonc::os
