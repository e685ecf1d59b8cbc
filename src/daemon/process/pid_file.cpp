#include "daemon/process/pid_file.hpp"

#include <lonc/os/process.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

namespace lonc::daemon {
namespace {

constexpr std::chrono::milliseconds patience{500};
constexpr std::chrono::milliseconds pause{5};
constexpr std::chrono::seconds takeover_patience{15};
constexpr std::chrono::milliseconds takeover_pause{50};

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
  const os::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  return fd ? read_pid(fd.get()) : 0;
}

// The process that has locked the file; 0 if the system does not report it.
pid_t holder_of(int fd) {
  struct stat info{};
  std::string locks;
  if (::fstat(fd, &info) != 0 || os::read_file("/proc/locks", locks)) return 0;
  return os::lock_holder(locks, info.st_ino).value_or(0);
}

void unlock(os::UniqueFd& fd) {
  // Only closing it would leave the lock with a forked child that has not called exec yet.
  if (fd) ::flock(fd.get(), LOCK_UN);
  fd.reset();
}

// True if the disk is full: lonc cannot write its pid then, but it can do its work.
bool is_want_of_room(const std::error_code& error) {
  return error == std::errc::no_space_on_device || error == std::errc::file_too_large ||
         error == std::error_code{EDQUOT, std::system_category()};
}

// True for a lonc that runs without taking the lock. loncron and other programs begin with the same letters.
bool is_other_lonc(pid_t pid) {
  if (pid == ::getpid()) return false;
  const auto name = os::process_name(pid);
  return name && name->starts_with("lonc") && *name != "loncron" && *name != "loncontrol" && *name != "loncctl";
}

bool is_same_file(const std::string& path, int fd) {
  struct stat at_path{};
  struct stat ours{};
  return ::lstat(path.c_str(), &at_path) == 0 && ::fstat(fd, &ours) == 0 && os::file_id(at_path) == os::file_id(ours);
}

PidFileError already_running(const std::string& path, pid_t holder) {
  const std::string process = holder > 0 ? ", as process " + std::to_string(holder) : "";
  return {std::make_error_code(std::errc::file_exists), holder,
          "another lonc is running already" + process + " (" + path + ")"};
}

// True if `block`, entries NAME=VALUE each terminated by NUL, has an entry that begins with `start`. A NUL at the end
// of `start` makes it match only the whole entry.
bool has_entry(const std::string& block, const std::string& start) {
  return block.starts_with(start) || block.find('\0' + start) != std::string::npos;
}

std::error_code read_proc(pid_t pid, const char* file, std::string& text) {
  return os::read_file("/proc/" + std::to_string(pid) + "/" + file, text);
}

// Nothing if it cannot be inspected.
std::optional<bool> is_service(pid_t pid) {
  std::string environment;
  if (read_proc(pid, "environ", environment)) return std::nullopt;
  return has_entry(environment, "NOTIFY_SOCKET=") &&
         has_entry(environment, "SYSTEMD_EXEC_PID=" + std::to_string(pid) + '\0');
}

}  // namespace

std::optional<PidFileError> PidFile::acquire(const std::string& path) {
  path_ = path;
  error_.reset();
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const Step step = take();
    if (step == Step::taken) return std::nullopt;
    // Another starter is between two steps, which takes only microseconds.
    if (step == Step::refused || std::chrono::steady_clock::now() >= until) break;
    std::this_thread::sleep_for(pause);
  }
  unlock(directory_);
  return error_ ? error_ : already_running(path_, 0);
}

PidFileLook PidFile::look_after() {
  if (file_ && is_same_file(path_, file_.get())) {
    if (!trouble_.empty()) write_in_place();
    return {.trouble = trouble_};
  }
  trouble_.clear();
  error_.reset();
  const Step step = take();
  if (step == Step::taken) return {.is_new = trouble_.empty(), .trouble = trouble_};
  if (error_) trouble_ = error_->text;
  return {.is_others = step == Step::refused && error_->error == std::errc::file_exists, .trouble = trouble_};
}

PidFile::Step PidFile::take() {
  if (const Step step = lock_directory(); step != Step::taken) return step;
  const Step step = create();
  return step == Step::again ? take_over() : step;
}

// Some file systems cannot lock directories; then the lock on the file must suffice.
PidFile::Step PidFile::lock_directory() {
  const std::string path = path_.substr(0, path_.rfind('/') + 1);
  if (directory_ && is_same_file(path + ".", directory_.get())) return Step::taken;
  os::UniqueFd directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory) return Step::taken;
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) {
    directory_ = std::move(directory);
    return Step::taken;
  }
  if (errno != EWOULDBLOCK) return Step::taken;
  const pid_t named = read_pid(path_);
  const pid_t holder = holder_of(directory.get());
  error_ = already_running(path_, holder > 0 ? holder : named);
  // A holder without a pid file is just starting or stopping, or somebody has removed its file.
  return os::process_name(named) && (holder == 0 || holder == named) ? Step::refused : Step::again;
}

// If there is no file: gives the name to our own file, complete and locked.
PidFile::Step PidFile::create() {
  struct stat info{};
  if (::lstat(path_.c_str(), &info) == 0) return Step::again;
  if (errno != ENOENT) return fail("examine");
  const Step step = publish(false);
  if (step != Step::refused || !directory_ || !is_want_of_room(error_->error)) return step;
  trouble_ = error_->text;
  return Step::taken;
}

// If there is a file: the process that locks it may replace it, but only while the path still refers to it.
PidFile::Step PidFile::take_over() {
  constexpr int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  os::UniqueFd stale{::open(path_.c_str(), O_RDWR | flags)};
  if (!stale) stale.reset(::open(path_.c_str(), O_RDONLY | flags));
  if (!stale) return errno == ENOENT ? Step::again : fail("open");
  struct stat info{};
  if (::fstat(stale.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return fail("use", std::make_error_code(std::errc::not_supported));
  if (::flock(stale.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail("lock");
    const pid_t holder = read_pid(stale.get());
    error_ = already_running(path_, holder);
    // If the pid in a locked file is not alive, a starter is just replacing a stale file.
    return os::process_name(holder) ? Step::refused : Step::again;
  }
  if (!is_same_file(path_, stale.get())) return Step::again;
  if (const pid_t pid = read_pid(stale.get()); is_other_lonc(pid)) {
    error_ = already_running(path_, pid);
    return Step::refused;
  }
  const Step step = publish(true);
  if (step != Step::refused || !is_want_of_room(error_->error)) return step;
  trouble_ = error_->text;
  file_ = std::move(stale);
  write_in_place();
  return Step::taken;
}

PidFile::Step PidFile::fail(std::string_view what, std::error_code error) {
  error_ = {error, 0, "cannot " + std::string{what} + " the pid file " + path_ + ": " + error.message()};
  return Step::refused;
}

// Writes and locks the file under a temporary name first, so that nobody ever sees the pid file empty or unlocked.
PidFile::Step PidFile::publish(bool replace) {
  const std::string own = std::to_string(::getpid());
  const std::string temporary = path_ + "." + own + ".new";
  const auto give_up = [&](std::string_view what) {
    const Step step = fail(what);
    ::unlink(temporary.c_str());
    return step;
  };
  ::unlink(temporary.c_str());
  os::UniqueFd fd{::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644)};
  if (!fd) return give_up("create");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return give_up("lock");
  if (os::write_all(fd.get(), own + "\n")) return give_up("write");
  if (replace) {
    if (::rename(temporary.c_str(), path_.c_str()) != 0) return give_up("replace");
  } else {
    const bool is_linked = ::link(temporary.c_str(), path_.c_str()) == 0;
    if (!is_linked && errno != EEXIST) return give_up("create");
    ::unlink(temporary.c_str());
    if (!is_linked) return Step::again;
  }
  file_ = std::move(fd);
  return Step::taken;
}

// Needs no disk space, since the file exists. A reader sees either the previous pid or ours, each with its line end.
void PidFile::write_in_place() {
  const std::string own = std::to_string(::getpid()) + "\n";
  const auto size = static_cast<ssize_t>(own.size());
  if (::pwrite(file_.get(), own.data(), own.size(), 0) == size && ::ftruncate(file_.get(), size) == 0) {
    trouble_.clear();
  } else {
    [[maybe_unused]] const int result = ::ftruncate(file_.get(), 0);  // better no pid than another's
  }
}

void PidFile::release() {
  // While we hold the lock, no other lonc replaces our file, so checking first is enough.
  if (file_ && is_same_file(path_, file_.get())) ::unlink(path_.c_str());
  unlock(file_);
  unlock(directory_);
}

bool is_service_process(pid_t pid) { return is_service(pid).value_or(false); }

bool is_replaceable(pid_t pid) {
  std::string name;
  return pid > 0 && !is_service(pid).value_or(true) && !read_proc(pid, "comm", name) && name == "lonc\n";
}

std::optional<PidFileError> acquire_or_replace(PidFile& file, const std::string& path,
                                               const std::function<void(std::string_view)>& tell) {
  auto error = file.acquire(path);
  if (!error || error->error != std::errc::file_exists || !is_service_process(::getpid())) return error;
  const pid_t holder = error->holder;
  // Two services with one pid file would end each other forever.
  const bool is_replaced = is_replaceable(holder) && ::kill(holder, SIGTERM) == 0;
  tell(error->text +
       (is_replaced ? "; it was not started by systemd and is being terminated" : "; waiting for its end"));
  const auto until = std::chrono::steady_clock::now() + takeover_patience;
  while (error && error->error == std::errc::file_exists && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(takeover_pause);
    error = file.acquire(path);
  }
  return error;
}

}  // namespace lonc::daemon
