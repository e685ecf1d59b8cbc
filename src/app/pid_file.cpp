#include <lonc/app/pid_file.hpp>

#include <lonc/app/process_info.hpp>
#include <lonc/app/read_file.hpp>
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

pid_t read_pid(const std::string& path) {
  const net::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  return fd ? read_pid(fd.get()) : 0;
}

// The process that has locked the file; 0 if the system does not say.
pid_t holder_of(int fd) {
  struct stat info{};
  std::string locks;
  if (::fstat(fd, &info) != 0 || read_file("/proc/locks", locks)) return 0;
  return lock_holder(locks, info.st_ino).value_or(0);
}

void unlock(net::UniqueFd& fd) {
  // Closing alone would leave the lock with a child that has been forked and has not called exec yet.
  if (fd) ::flock(fd.get(), LOCK_UN);
  fd.reset();
}

// On such a disk lonc can not say who it is, but it can do its work.
bool is_want_of_room(const std::error_code& error) {
  return error == std::errc::no_space_on_device || error == std::errc::file_too_large ||
         error == std::error_code{EDQUOT, std::system_category()};
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

PidFile::~PidFile() { release(); }

std::optional<PidFileError> PidFile::acquire(const std::string& path) {
  path_ = path;
  const auto until = std::chrono::steady_clock::now() + patience;
  std::optional<PidFileError> error;
  for (;;) {
    const Step step = take(error);
    if (step == Step::taken) return std::nullopt;
    // Another starter is between two steps: what it does takes microseconds.
    if (step == Step::refused || std::chrono::steady_clock::now() >= until) break;
    std::this_thread::sleep_for(pause);
  }
  unlock(directory_);
  return error ? error : already_running(path_, 0);
}

PidFileLook PidFile::look_after() {
  if (file_ && is_same_file(path_, file_.get())) {
    if (!trouble_.empty()) write_in_place();
    return {.trouble = trouble_};
  }
  trouble_.clear();
  std::optional<PidFileError> error;
  const Step step = take(error);
  if (step == Step::taken) return {.is_new = trouble_.empty(), .trouble = trouble_};
  if (error) trouble_ = error->text;
  return {.is_others = step == Step::refused && error->error == std::errc::file_exists, .trouble = trouble_};
}

PidFile::Step PidFile::take(std::optional<PidFileError>& error) {
  if (const Step step = lock_directory(error); step != Step::taken) return step;
  const Step step = create(error);
  return step == Step::again ? take_over(error) : step;
}

// Some file systems do not lock directories; then the lock on the file has to do.
PidFile::Step PidFile::lock_directory(std::optional<PidFileError>& error) {
  const std::string path = path_.substr(0, path_.rfind('/') + 1);
  if (directory_ && is_same_file(path + ".", directory_.get())) return Step::taken;
  net::UniqueFd directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory) return Step::taken;
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) {
    directory_ = std::move(directory);
    return Step::taken;
  }
  if (errno != EWOULDBLOCK) return Step::taken;
  const pid_t named = read_pid(path_);
  const pid_t holder = holder_of(directory.get());
  error = already_running(path_, holder > 0 ? holder : named);
  // One that has no pid file is just starting or stopping, or somebody has removed it.
  return process_name(named) && (holder == 0 || holder == named) ? Step::refused : Step::again;
}

// Where there is no file: our own, whole and locked, is given the name.
PidFile::Step PidFile::create(std::optional<PidFileError>& error) {
  struct stat info{};
  if (::lstat(path_.c_str(), &info) == 0) return Step::again;
  if (errno != ENOENT) {
    error = system_failure(path_, net::last_error(), "look at");
    return Step::refused;
  }
  const Step step = publish(false, error);
  if (step != Step::refused || !directory_ || !is_want_of_room(error->error)) return step;
  trouble_ = error->text;
  return Step::taken;
}

// Where there is a file: whoever locks it may replace it, and only while the path still names it.
PidFile::Step PidFile::take_over(std::optional<PidFileError>& error) {
  constexpr int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  net::UniqueFd stale{::open(path_.c_str(), O_RDWR | flags)};
  if (!stale) stale.reset(::open(path_.c_str(), O_RDONLY | flags));
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
  const Step step = publish(true, error);
  if (step != Step::refused || !is_want_of_room(error->error)) return step;
  trouble_ = error->text;
  file_ = std::move(stale);
  write_in_place();
  return Step::taken;
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
  file_ = std::move(fd);
  return Step::taken;
}

// A file that is there has its room. Whoever reads it meanwhile sees the number of before or ours, each with its line
// end.
void PidFile::write_in_place() {
  const std::string own = std::to_string(::getpid()) + "\n";
  const auto size = static_cast<ssize_t>(own.size());
  if (::pwrite(file_.get(), own.data(), own.size(), 0) == size && ::ftruncate(file_.get(), size) == 0) {
    trouble_.clear();
  } else {
    [[maybe_unused]] const int result = ::ftruncate(file_.get(), 0);  // rather nobody's than another's
  }
}

void PidFile::release() {
  // While we hold the lock, no other lonc replaces a file that is ours: looking first is enough.
  if (file_ && is_same_file(path_, file_.get())) ::unlink(path_.c_str());
  unlock(file_);
  unlock(directory_);
}

}  // namespace lonc::app
