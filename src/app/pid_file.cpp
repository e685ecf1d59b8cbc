#include <lonc/app/pid_file.hpp>

#include <lonc/app/process_info.hpp>
#include <lonc/net/file_write.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <thread>
#include <utility>

namespace lonc::app {
namespace {

constexpr std::chrono::milliseconds patience{500};
constexpr std::chrono::milliseconds pause{5};

// The pid at the start of the file; 0 if there is none.
pid_t read_pid(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  if (size <= 0) return 0;
  const char* const end = text.data() + size;
  pid_t pid = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, pid);
  const bool is_whole = error == std::errc{} && (rest == end || *rest == '\n');
  return is_whole && pid > 0 ? pid : 0;
}

// True for a lonc that runs without taking the lock; loncron and its kin share the first letters.
bool is_other_lonc(pid_t pid) {
  if (pid == ::getpid()) return false;
  const auto name = process_name(pid);
  return name && name->starts_with("lonc") && *name != "loncron" && *name != "loncontrol" && *name != "loncctl";
}

bool is_same_file(const std::string& path, int fd) {
  struct stat at_path{};
  struct stat ours{};
  return ::lstat(path.c_str(), &at_path) == 0 && ::fstat(fd, &ours) == 0 && at_path.st_dev == ours.st_dev &&
         at_path.st_ino == ours.st_ino;
}

PidFileError system_failure(const std::string& path, std::error_code error, std::string_view what) {
  return {error, 0, "cannot " + std::string{what} + " the pid file " + path + ": " + error.message()};
}

PidFileError already_running(const std::string& path, pid_t holder) {
  std::string text = "another lonc is running already";
  if (holder > 0) text += ", as process " + std::to_string(holder);
  text += " (" + path + ")";
  return {std::make_error_code(std::errc::file_exists), holder, std::move(text)};
}

}  // namespace

PidFile::~PidFile() {
  release_path();
  release_lock();
}

std::optional<PidFileError> PidFile::acquire(const std::string& path) {
  path_ = path;
  const auto until = std::chrono::steady_clock::now() + patience;
  std::optional<PidFileError> error;
  for (;;) {
    Step step = create(error);
    if (step == Step::again) step = take_over(error);
    if (step == Step::taken) return std::nullopt;
    if (step == Step::refused) return error;
    // Another starter is between two steps: what it does takes microseconds.
    if (std::chrono::steady_clock::now() >= until) return error ? error : already_running(path_, 0);
    std::this_thread::sleep_for(pause);
  }
}

// Where there is no file: our own, whole and locked, is given the name.
PidFile::Step PidFile::create(std::optional<PidFileError>& error) {
  struct stat info{};
  if (::lstat(path_.c_str(), &info) == 0) return Step::again;
  if (errno != ENOENT) {
    error = system_failure(path_, net::last_error(), "look at");
    return Step::refused;
  }
  return publish(false, error);
}

// Where there is a file: whoever locks it may replace it, and only while the path still names it.
PidFile::Step PidFile::take_over(std::optional<PidFileError>& error) {
  const net::UniqueFd stale{::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (!stale) {
    if (errno == ENOENT) return Step::again;
    error = system_failure(path_, net::last_error(), "open");
    return Step::refused;
  }
  struct stat info{};
  if (::fstat(stale.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    error = system_failure(path_, std::make_error_code(std::errc::not_supported), "use");
    return Step::refused;
  }
  if (::flock(stale.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      error = system_failure(path_, net::last_error(), "lock");
      return Step::refused;
    }
    const pid_t holder = read_pid(stale.get());
    error = already_running(path_, holder);
    // A holder whose pid is not alive is a starter that is just replacing a stale file.
    return process_name(holder) ? Step::refused : Step::again;
  }
  if (!is_same_file(path_, stale.get())) return Step::again;
  if (const pid_t pid = read_pid(stale.get()); is_other_lonc(pid)) {
    error = already_running(path_, pid);
    return Step::refused;
  }
  return publish(true, error);
}

// Writes and locks a file under a name of our own first: nobody ever sees the pid file empty or unlocked.
PidFile::Step PidFile::publish(bool replace, std::optional<PidFileError>& error) {
  const std::string own = std::to_string(::getpid());
  const std::string temporary = path_ + "." + own + ".new";
  const auto fail = [&](std::string_view what) {
    error = system_failure(path_, net::last_error(), what);
    ::unlink(temporary.c_str());
    return Step::refused;
  };
  ::unlink(temporary.c_str());
  net::UniqueFd fd{::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644)};
  if (!fd) return fail("create");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return fail("lock");
  if (net::write_all(fd.get(), own + "\n")) return fail("write");
  if (replace) {
    if (::rename(temporary.c_str(), path_.c_str()) != 0) return fail("replace");
  } else {
    if (::link(temporary.c_str(), path_.c_str()) != 0) {
      if (errno != EEXIST) return fail("create");
      ::unlink(temporary.c_str());
      return Step::again;
    }
    ::unlink(temporary.c_str());
  }
  fd_ = std::move(fd);
  return Step::taken;
}

void PidFile::release_path() {
  // While we hold the lock, no other lonc replaces a file that is ours: looking first is enough.
  if (fd_ && is_same_file(path_, fd_.get())) ::unlink(path_.c_str());
}

void PidFile::release_lock() {
  // Closing alone would leave the lock with a child that has been forked and has not called exec yet.
  if (fd_) ::flock(fd_.get(), LOCK_UN);
  fd_.reset();
}

}  // namespace lonc::app
