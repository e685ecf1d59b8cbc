// Local time as Perl's `scalar localtime` writes it: "Fri Mar  8 03:56:19 2002". Used by log and status, which
// older tools read.
#pragma once

#include <chrono>
#include <string>

namespace lonc::net {

// Cheap when the same few seconds are asked for again. May be called from any thread.
void append_local_time(std::string& out, std::chrono::system_clock::time_point time);
std::string local_time_text(std::chrono::system_clock::time_point time);

}  // namespace lonc::net
