// Small helpers round write(2), rename(2) and errno for the files that the daemon keeps. No buffering.
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::net {

inline std::error_code last_error() { return {errno, std::system_category()}; }

// Writes all of `text`, going on after interruptions and short writes. `written`, if given, says how far it came.
std::error_code write_all(int fd, std::string_view text, std::size_t* written = nullptr);

// Moves `name` in the directory `from` to `new_name` in the directory `to`; errc::file_exists if there is one of that
// name.
std::error_code rename_without_replacing(int from, const std::string& name, int to, const std::string& new_name);

}  // namespace lonc::net
