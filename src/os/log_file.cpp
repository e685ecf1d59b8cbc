#include <lonc/os/log_file.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace lonc::os {

namespace {

// What cannot be a log, no matter who put it there.
enum class Unfit { link = 1, no_plain_file };

class UnfitCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "log file"; }
  std::string message(int value) const override {
    return value == static_cast<int>(Unfit::link)
               ? "it is a link, and lonc does not write through links; remove it (the directory may be a link)"
               : "it is not a plain file; remove it";
  }
};

std::error_code unfit(Unfit why) {
  static const UnfitCategory category;
  return {static_cast<int>(why), category};
}

// When a process is killed, the kernel ends its write between two pages, so the file may end with half a line.
bool ends_within_line(const std::string& path, off_t size) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW));
  char last = '\n';
  return size > 0 && fd && ::pread(fd.get(), &last, 1, size - 1) == 1 && last != '\n';
}

// A file system that does not know its free space reports no blocks at all.
std::error_code look_for_room(int fd, std::uint64_t size, std::uint64_t bytes) {
  struct statvfs system{};
  if (::fstatvfs(fd, &system) != 0) return last_error();
  if (system.f_blocks == 0 || system.f_frsize == 0) return {};
  const std::uint64_t in_last_block = (system.f_frsize - size % system.f_frsize) % system.f_frsize;
  const std::uint64_t blocks = ::geteuid() == 0 ? system.f_bfree : system.f_bavail;
  const bool is_enough = bytes <= in_last_block || (bytes - in_last_block - 1) / system.f_frsize < blocks;
  return is_enough ? std::error_code() : std::make_error_code(std::errc::no_space_on_device);
}

}  // namespace

bool LogFile::is_at_path() const {
  struct stat info{};
  if (!fd_ || ::lstat(path_.c_str(), &info) != 0) return false;
  if (S_ISLNK(info.st_mode) && (::stat(path_.c_str(), &info) != 0 || !S_ISCHR(info.st_mode))) return false;
  return file_id(info) == id_;
}

// Opens the path unless that is done. A link is followed only to /dev/null and similar devices: otherwise it could lead
// to any file that our user may write. Never waits, as a FIFO would make us do.
std::error_code LogFile::open() {
  if (is_at_path()) return {};
  // What was appended before the file was renamed must not be forgotten by the next sync.
  if (fd_ && std::exchange(has_unsynced_, false) && ::fdatasync(fd_.get()) != 0) lost_ = last_error();
  is_name_synced_ = false;
  constexpr int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  fd_.reset(::open(path_.c_str(), flags | O_CREAT | O_NOFOLLOW, 0640));
  const bool is_link = !fd_ && errno == ELOOP;
  if (is_link) fd_.reset(::open(path_.c_str(), flags));
  struct stat info{};
  if (is_link && (!fd_ || ::fstat(fd_.get(), &info) != 0 || !S_ISCHR(info.st_mode))) {
    fd_.reset();
    return unfit(Unfit::link);
  }
  if (!fd_ && errno == ENXIO) return unfit(Unfit::no_plain_file);  // a FIFO that nobody reads, or a socket
  if (!fd_ || ::fstat(fd_.get(), &info) != 0) return last_error();
  if (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode)) {
    fd_.reset();
    return unfit(Unfit::no_plain_file);
  }
  if (file_id(info) != id_) torn_ = ends_within_line(path_, info.st_size);
  id_ = file_id(info);
  return {};
}

std::error_code log_fault(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode) || S_ISCHR(info.st_mode)) return {};
  if (!S_ISLNK(info.st_mode)) return unfit(Unfit::no_plain_file);
  const bool is_device = ::stat(path.c_str(), &info) == 0 && S_ISCHR(info.st_mode);
  return is_device ? std::error_code() : unfit(Unfit::link);
}

// A file may be new, and its name not be on the disk yet, whoever has created it. A directory that may not be read
// cannot be synced; that is no reason to stop.
std::error_code LogFile::sync_name() const {
  if (is_name_synced_) return {};
  const auto slash = path_.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return !fd || ::fsync(fd.get()) == 0 || errno == EINVAL ? std::error_code() : last_error();
}

std::error_code LogFile::sync() {
  if (!fd_) {
    if (const auto error = open()) return error;
  }
  std::error_code error = std::exchange(lost_, {});
  if (!error && ::fdatasync(fd_.get()) != 0) error = last_error();
  if (!error) error = sync_name();
  has_unsynced_ = false;
  if (!error) {
    is_name_synced_ = true;
    return {};
  }
  fd_.reset();  // a later sync of the same descriptor would report success
  return error;
}

std::error_code LogFile::reserve(std::size_t bytes) {
  if (const auto error = open()) return error;
  struct stat info{};
  if (::fstat(fd_.get(), &info) != 0) return last_error();
  if (!S_ISREG(info.st_mode)) return {};
  // The limit does not apply yet to space reserved beyond the end of the file, so it is checked here.
  struct rlimit limit{};
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size + bytes > limit.rlim_cur)
    return std::make_error_code(std::errc::file_too_large);
  const auto allocate = [&] {
    return ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, info.st_size, static_cast<off_t>(bytes));
  };
  if (uninterrupted(allocate) == 0) return {};
  return errno == EOPNOTSUPP || errno == ENOSYS ? look_for_room(fd_.get(), size, bytes) : last_error();
}

std::error_code LogFile::append(std::string_view line) {
  // loncron renames the log and expects the next line in a new file of the old name.
  if (const auto error = open()) return error;
  std::size_t written = 0;
  const auto error =
      torn_ ? write_all(fd_.get(), "\n" + std::string(line), &written) : write_all(fd_.get(), line, &written);
  has_unsynced_ = has_unsynced_ || written > 0;
  if (!error || written > 0) torn_ = static_cast<bool>(error);
  return error;
}

}  // namespace lonc::os
