#include <lonc/os/files.hpp>

#include <lonc/os/unique_fd.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

namespace lonc::os {

namespace {

constexpr std::size_t size_limit = std::size_t{64} * 1024 * 1024;

// What changes when somebody writes to a file or replaces it.
struct Stamp {
  FileId id;
  off_t size = 0;
  std::chrono::nanoseconds changed{};
  bool is_file = false;  // not a pipe, which cannot be inspected

  bool operator==(const Stamp&) const = default;
};

Stamp stamp_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {file_id(info), info.st_size, change_of(info), S_ISREG(info.st_mode)};
}

constexpr std::chrono::seconds rest{1};

bool has_rested(const Stamp& stamp) {
  return std::chrono::system_clock::now().time_since_epoch() - stamp.changed >= rest;
}

}  // namespace

std::error_code read_file_at_rest(const std::string& path, std::string& text, std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds between_looks{20};
  const auto until = Clock::now() + patience;
  while (true) {
    const Stamp stamp = stamp_of(path);
    // If clocks differ, the modification time may lie in the future and says nothing; then this waits for `rest`
    // instead.
    const auto seen = Clock::now();
    while (stamp.is_file && !has_rested(stamp) && Clock::now() < std::min(seen + rest, until) &&
           stamp_of(path) == stamp) {
      std::this_thread::sleep_for(between_looks);
    }
    const auto error = read_file(path, text);
    if (error || stamp_of(path) == stamp) {
      const bool is_at_rest = !stamp.is_file || has_rested(stamp) || Clock::now() >= seen + rest;
      return error || is_at_rest ? error : std::make_error_code(std::errc::text_file_busy);
    }
    if (Clock::now() >= until) return std::make_error_code(std::errc::text_file_busy);
  }
}

std::error_code read_file(const std::string& path, std::string& text) {
  text.clear();
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return last_error();
  const auto error = read_some(fd.get(), size_limit + 1, text);
  return !error && text.size() > size_limit ? std::make_error_code(std::errc::file_too_large) : error;
}

std::error_code read_some(int fd, std::size_t limit, std::string& text) {
  constexpr std::size_t step = 64 * 1024;
  text.clear();
  while (text.size() < limit) {
    const std::size_t before = text.size();
    text.resize(std::min(limit, before + step));
    const ssize_t got = uninterrupted([&] { return ::read(fd, text.data() + before, text.size() - before); });
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return last_error();
    if (got == 0) return {};
  }
  return {};
}

std::error_code write_all(int fd, std::string_view text, std::size_t* written) {
  if (written) *written = 0;
  while (!text.empty()) {
    const ssize_t count = uninterrupted([&] { return ::write(fd, text.data(), text.size()); });
    if (count < 0) return last_error();
    if (written) *written += static_cast<std::size_t>(count);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

std::error_code rename_without_replacing(int from, const std::string& name, int to, const std::string& new_name) {
  if (::renameat2(from, name.c_str(), to, new_name.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS) return last_error();
  // The file system does not support that. In the spool, only lonc moves files to such names, or the names contain a
  // process id.
  if (::faccessat(to, new_name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return std::make_error_code(std::errc::file_exists);
  return ::renameat(from, name.c_str(), to, new_name.c_str()) == 0 ? std::error_code() : last_error();
}

}  // namespace lonc::os
