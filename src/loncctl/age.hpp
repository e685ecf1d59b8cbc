// Times of the status as people read them: how long ago.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace lonc::ctl {

using WallTime = std::chrono::system_clock::time_point;

// "90s", "3m", "5h", "12d"; what lies in the future is "0s".
std::string age_text(std::chrono::duration<double> age);

// "2002-03-08T03:56:19.042Z", with or without the fraction. Nothing if it is anything else.
std::optional<WallTime> parse_utc(std::string_view text);

}  // namespace lonc::ctl
