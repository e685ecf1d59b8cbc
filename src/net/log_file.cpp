#include <lonc/net/log_file.hpp>

#include <lonc/net/file_write.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>

namespace lonc::net {

namespace {

// What can not be a log, whoever has put it there.
enum class Unfit { link = 1, no_plain_file };

class UnfitCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "log file"; }
  std::string message(int value) const override {
    return value == static_cast<int>(Unfit::link)
               ? "it is a link, and lonc writes through none; remove it (the directory may be a link)"
               : "what is there is no plain file; remove it";
  }
};

std::error_code unfit(Unfit why) {
  static const UnfitCategory category;
  return {static_cast<int>(why), category};
}

// The kernel ends a write between two pages when the process is killed, so half a line may be all that is there.
bool ends_within_line(const std::string& path, off_t size) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW));
  char last = '\n';
  return size > 0 && fd && ::pread(fd.get(), &last, 1, size - 1) == 1 && last != '\n';
}

}  // namespace

bool LogFile::is_at_path() const {
  struct stat info{};
  if (!fd_ || ::lstat(path_.c_str(), &info) != 0) return false;
  if (S_ISLNK(info.st_mode) && (::stat(path_.c_str(), &info) != 0 || !S_ISCHR(info.st_mode))) return false;
  return info.st_dev == device_ && info.st_ino == inode_;
}

// A link is followed to /dev/null and the like alone: it could lead to any file that our user may write. Nothing waits
// here, as a FIFO would have us do.
std::error_code LogFile::open() {
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
  if (info.st_dev != device_ || info.st_ino != inode_) torn_ = ends_within_line(path_, info.st_size);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  return {};
}

std::error_code log_fault(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode) || S_ISCHR(info.st_mode)) return {};
  if (!S_ISLNK(info.st_mode)) return unfit(Unfit::no_plain_file);
  const bool is_device = ::stat(path.c_str(), &info) == 0 && S_ISCHR(info.st_mode);
  return is_device ? std::error_code() : unfit(Unfit::link);
}

std::error_code LogFile::sync() {
  if (!fd_) {
    if (const auto error = open()) return error;
  }
  if (::fdatasync(fd_.get()) == 0) return {};
  const std::error_code error = last_error();
  fd_.reset();  // a later sync of the same descriptor would say that all is well
  return error;
}

std::error_code LogFile::append(std::string_view line) {
  // loncron renames the log away and expects the next line in a new file of the old name.
  if (!is_at_path()) {
    if (const auto error = open()) return error;
  }
  std::size_t written = 0;
  std::error_code error;
  if (torn_) {
    std::string whole = "\n";
    whole += line;
    error = write_all(fd_.get(), whole, &written);
  } else {
    error = write_all(fd_.get(), line, &written);
  }
  if (!error) {
    torn_ = false;
  } else if (written > 0) {
    torn_ = true;
  }
  return error;
}

}  // namespace lonc::net
