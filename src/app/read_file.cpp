#include <lonc/app/read_file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <thread>

namespace lonc::app {

namespace {

constexpr std::size_t size_limit = std::size_t{64} * 1024 * 1024;

std::error_code last_error() { return {errno, std::generic_category()}; }

std::error_code read_all(int descriptor, std::string& text) {
  char buffer[65536];
  while (true) {
    const auto count = ::read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (count == 0) return {};
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > size_limit) return std::make_error_code(std::errc::file_too_large);
  }
}

// What changes when somebody writes to a file or puts another in its place.
struct Stamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::chrono::nanoseconds changed{};
  bool is_file = false;  // not a pipe, which can not be looked at

  bool operator==(const Stamp&) const = default;
};

Stamp stamp_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size,
          std::chrono::seconds{info.st_mtim.tv_sec} + std::chrono::nanoseconds{info.st_mtim.tv_nsec},
          S_ISREG(info.st_mode)};
}

constexpr std::chrono::seconds rest{1};

bool has_rested(const Stamp& stamp) {
  const auto age = std::chrono::system_clock::now().time_since_epoch() - stamp.changed;
  return age >= rest;
}

}  // namespace

std::error_code read_file_at_rest(const std::string& path, std::string& text, std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds between_looks{20};
  const auto until = Clock::now() + patience;
  while (true) {
    const Stamp stamp = stamp_of(path);
    // A time in the future, where clocks differ, says nothing: then it is waited for.
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
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return last_error();
  const auto error = read_all(descriptor, text);
  ::close(descriptor);
  return error;
}

}  // namespace lonc::app
