#include <lonc/os/socket_file.hpp>

#include <lonc/os/accounts.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace lonc::os {

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

sockaddr_un address_of(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) fail(ENAMETOOLONG, path);
  return *address;
}

// A name to which its clients could not connect must fail here, and only a socket may be replaced.
void check_place(int directory, const std::string& path) {
  address_of(path);
  struct stat present{};
  if (::fstatat(directory, name_of(path).c_str(), &present, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISSOCK(present.st_mode))
    fail(EEXIST, path + " is not a socket and is left alone (remove it)");
}

}  // namespace

std::optional<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::nullopt;  // a NUL terminates it
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

UniqueFd SocketFile::publish() {
  const UniqueFd directory(::open(directory_of(path_).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) fail(errno, directory_of(path_));
  check_place(directory.get(), path_);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) fail(errno, "socket for " + path_);
  static std::atomic<unsigned> count{0};
  const std::string temporary = fmt::format(".lonc-{}-{}", ::getpid(), count.fetch_add(1));
  ::unlinkat(directory.get(), temporary.c_str(), 0);  // left by a process that once had our pid
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
  id_ = file_id(made);
  is_named_ = true;
  return fd;
}

// The path through /proc avoids the limit on socket paths for a long directory. Nobody can connect before listen(), so
// it does not matter that mode and group are set only after bind().
struct stat SocketFile::bind_in(int directory, const std::string& name, int fd) const {
  const sockaddr_un address = address_of(fmt::format("/proc/self/fd/{}/{}", directory, name));
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail(errno, "bind " + path_);
  if (!group_.empty()) {
    const auto group = group_id(group_);
    if (!group) fail(ENOENT, "there is no group " + group_);
    if (::fchownat(directory, name.c_str(), static_cast<uid_t>(-1), *group, AT_SYMLINK_NOFOLLOW) != 0)
      fail(errno, "give " + path_ + " to group " + group_);
  }
  if (::fchmodat(directory, name.c_str(), mode_, 0) != 0) fail(errno, "mode of " + path_);
  struct stat made{};
  if (::fstatat(directory, name.c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0) fail(errno, path_);
  if (::listen(fd, SOMAXCONN) != 0) fail(errno, "listen on " + path_);
  return made;
}

UniqueFd SocketFile::renew() {
  struct stat present{};
  if (!is_named_ || !fd_) return {};
  if (::lstat(path_.c_str(), &present) == 0) {
    if (file_id(present) == id_) return {};
    if (S_ISSOCK(present.st_mode) && !is_abandoned_socket(path_))
      fail(EADDRINUSE, path_ + " is in use: another process listens there (end it)");
  }
  UniqueFd old = publish();
  ::shutdown(old.get(), SHUT_RDWR);
  return old;
}

void SocketFile::remove() {
  if (!std::exchange(is_named_, false)) return;
  struct stat present{};
  if (::lstat(path_.c_str(), &present) != 0) return;
  if (file_id(present) == id_) ::unlink(path_.c_str());
}

void SocketFile::refuse_more() { ::shutdown(fd_.get(), SHUT_RDWR); }

UniqueFd accept_at(int listening, std::error_code& error) {
  UniqueFd client(::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  error = client ? std::error_code() : last_error();
  return client;
}

bool is_abandoned_socket(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return false;
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return false;
  const auto* generic = reinterpret_cast<const sockaddr*>(&*address);
  return ::connect(fd.get(), generic, sizeof *address) != 0 && errno == ECONNREFUSED;
}

}  // namespace lonc::os
