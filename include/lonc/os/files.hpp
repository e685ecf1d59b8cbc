// Whole files, and small helpers around read(2), write(2), rename(2) and errno for the files that lonc keeps. No
// buffering.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::os {

// The error of the preceding system call.
inline std::error_code last_error() { return {errno, std::system_category()}; }

// Repeats a system call for as long as signals interrupt it.
template <typename Call>
auto uninterrupted(Call call) {
  while (true) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// Two names or descriptors refer to the same file if these are equal.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;

  bool operator==(const FileId&) const = default;
};
inline FileId file_id(const struct stat& info) { return {info.st_dev, info.st_ino}; }

// The time of the last change, since 1970.
inline std::chrono::nanoseconds change_of(const struct stat& info) {
  return std::chrono::seconds{info.st_mtim.tv_sec} + std::chrono::nanoseconds{info.st_mtim.tv_nsec};
}

// How a configuration file is read.
using ReadFile = std::function<std::error_code(const std::string& path, std::string& text)>;

// Reads the text of a whole file or of a pipe, for configuration. Fails with file_too_large above 64 MiB, which no
// configuration reaches.
std::error_code read_file(const std::string& path, std::string& text);

// The same for a file that somebody may be writing: waits until its modification time and size have not changed for a
// second. Fails with text_file_busy if it still changes after `patience`; `text` is then what was read.
std::error_code read_file_at_rest(const std::string& path, std::string& text, std::chrono::milliseconds patience);

// Reads what is available, at most `limit` bytes of it.
std::error_code read_some(int fd, std::size_t limit, std::string& text);

// Writes all of `text`, continuing after interruptions and short writes. `written`, if given, receives the number of
// bytes written.
std::error_code write_all(int fd, std::string_view text, std::size_t* written = nullptr);

// Moves `name` in the directory `from` to `new_name` in the directory `to`; errc::file_exists if that name is taken.
std::error_code rename_without_replacing(int from, const std::string& name, int to, const std::string& new_name);

}  // namespace lonc::os
