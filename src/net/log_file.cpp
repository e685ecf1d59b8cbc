#include <lonc/net/log_file.hpp>

#include <lonc/net/file_write.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>

namespace lonc::net {

namespace {

// The kernel ends a write between two pages when the process is killed, so half a line may be all that is there.
bool ends_within_line(const std::string& path, off_t size) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  char last = '\n';
  return size > 0 && fd && ::pread(fd.get(), &last, 1, size - 1) == 1 && last != '\n';
}

}  // namespace

bool LogFile::is_at_path() const {
  struct stat info{};
  return fd_ && ::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
}

std::error_code LogFile::open() {
  fd_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640));
  struct stat info{};
  if (!fd_ || ::fstat(fd_.get(), &info) != 0) return last_error();
  if (info.st_dev != device_ || info.st_ino != inode_) torn_ = ends_within_line(path_, info.st_size);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  return {};
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
