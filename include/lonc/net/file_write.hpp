// Small helpers round write(2) and errno for the files that the daemon keeps. No buffering.
#pragma once

#include <cerrno>
#include <cstddef>
#include <string_view>
#include <system_error>

namespace lonc::net {

inline std::error_code last_error() { return {errno, std::system_category()}; }

// Writes all of `text`, going on after interruptions and short writes. `written`, if given, says how far it came.
std::error_code write_all(int fd, std::string_view text, std::size_t* written = nullptr);

}  // namespace lonc::net
