#include <lonc/net/socket_file.hpp>

#include <lonc/net/group_id.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace lonc::net {

namespace {

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::system_category(), what);
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

gid_t group_named(const std::string& name) {
  const auto id = group_id(name);
  if (!id) fail(ENOENT, "there is no group " + name);
  return *id;
}

std::string temporary_name() {
  static std::atomic<unsigned> count{0};
  return ".lonc-" + std::to_string(::getpid()) + "-" + std::to_string(count.fetch_add(1));
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) fail(ENAMETOOLONG, path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// A name that its clients could not connect to must fail here, and nothing but a socket may be replaced.
void check_place(int directory, const std::string& path) {
  address_of(path);
  struct stat present{};
  if (::fstatat(directory, name_of(path).c_str(), &present, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISSOCK(present.st_mode))
    fail(EEXIST, path + " is not a socket and is left alone (remove it)");
}

}  // namespace

SocketFile::SocketFile(std::string path, unsigned mode, const std::string& group)
    : path_(std::move(path)), mode_(mode), group_(group) {
  publish();
}

UniqueFd SocketFile::publish() {
  const UniqueFd directory(::open(directory_of(path_).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) fail(errno, directory_of(path_));
  check_place(directory.get(), path_);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) fail(errno, "socket for " + path_);
  const std::string temporary = temporary_name();
  ::unlinkat(directory.get(), temporary.c_str(), 0);  // of a process that had our number once
  struct stat made{};
  try {
    made = bind_in(directory.get(), temporary, fd.get());
    if (::renameat(directory.get(), temporary.c_str(), directory.get(), name_of(path_).c_str()) != 0)
      fail(errno, "rename to " + path_);
  } catch (...) {
    ::unlinkat(directory.get(), temporary.c_str(), 0);
    throw;
  }
  std::swap(fd_, fd);
  device_ = made.st_dev;
  inode_ = made.st_ino;
  is_named_ = true;
  return fd;
}

// The path through /proc keeps a long directory from breaking the limit on socket paths. Nobody can connect before
// listen(), so the time before mode and group are right does not matter.
struct stat SocketFile::bind_in(int directory, const std::string& name, int fd) const {
  const sockaddr_un address = address_of("/proc/self/fd/" + std::to_string(directory) + "/" + name);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail(errno, "bind " + path_);
  if (!group_.empty() &&
      ::fchownat(directory, name.c_str(), static_cast<uid_t>(-1), group_named(group_), AT_SYMLINK_NOFOLLOW) != 0)
    fail(errno, "give " + path_ + " to group " + group_);
  if (::fchmodat(directory, name.c_str(), mode_, 0) != 0) fail(errno, "mode of " + path_);
  struct stat made{};
  if (::fstatat(directory, name.c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0) fail(errno, path_);
  if (::listen(fd, SOMAXCONN) != 0) fail(errno, "listen on " + path_);
  return made;
}

SocketFile::~SocketFile() { remove(); }

UniqueFd SocketFile::renew() {
  struct stat present{};
  if (!is_named_ || !fd_) return {};
  if (::lstat(path_.c_str(), &present) == 0) {
    if (present.st_dev == device_ && present.st_ino == inode_) return {};
    if (S_ISSOCK(present.st_mode) && !is_abandoned_socket(path_))
      fail(EADDRINUSE, path_ + " is another process's, which listens there (end that one)");
  }
  UniqueFd old = publish();
  ::shutdown(old.get(), SHUT_RDWR);
  return old;
}

void SocketFile::remove() {
  if (!std::exchange(is_named_, false)) return;
  struct stat present{};
  if (::lstat(path_.c_str(), &present) != 0) return;
  if (present.st_dev == device_ && present.st_ino == inode_) ::unlink(path_.c_str());
}

void SocketFile::refuse_more() { ::shutdown(fd_.get(), SHUT_RDWR); }

UniqueFd accept_at(int listening, std::error_code& error) {
  UniqueFd client(::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  error = client ? std::error_code() : std::error_code(errno, std::system_category());
  return client;
}

bool is_abandoned_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return false;
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(fd.get(), generic, sizeof address) != 0 && errno == ECONNREFUSED;
}

}  // namespace lonc::net
