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
    fail(EEXIST, path + " is not a socket and is left alone");
}

}  // namespace

SocketFile::SocketFile(std::string path, unsigned mode, const std::string& group) : path_(std::move(path)) {
  const UniqueFd directory(::open(directory_of(path_).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) fail(errno, directory_of(path_));
  check_place(directory.get(), path_);
  fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) fail(errno, "socket for " + path_);
  const std::string temporary = temporary_name();
  ::unlinkat(directory.get(), temporary.c_str(), 0);  // of a process that had our number once
  try {
    bind_in(directory.get(), temporary, mode, group);
    if (::renameat(directory.get(), temporary.c_str(), directory.get(), name_of(path_).c_str()) != 0)
      fail(errno, "rename to " + path_);
  } catch (...) {
    ::unlinkat(directory.get(), temporary.c_str(), 0);
    throw;
  }
  is_named_ = true;
}

// The path through /proc keeps a long directory from breaking the limit on socket paths. Nobody can connect before
// listen(), so the time before mode and group are right does not matter.
void SocketFile::bind_in(int directory, const std::string& name, unsigned mode, const std::string& group) {
  const sockaddr_un address = address_of("/proc/self/fd/" + std::to_string(directory) + "/" + name);
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail(errno, "bind " + path_);
  if (!group.empty() &&
      ::fchownat(directory, name.c_str(), static_cast<uid_t>(-1), group_named(group), AT_SYMLINK_NOFOLLOW) != 0)
    fail(errno, "give " + path_ + " to group " + group);
  if (::fchmodat(directory, name.c_str(), mode, 0) != 0) fail(errno, "mode of " + path_);
  struct stat made{};
  if (::fstatat(directory, name.c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0) fail(errno, path_);
  device_ = made.st_dev;
  inode_ = made.st_ino;
  if (::listen(fd_.get(), SOMAXCONN) != 0) fail(errno, "listen on " + path_);
}

SocketFile::~SocketFile() { remove(); }

UniqueFd SocketFile::accept(std::error_code& error) {
  UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  error = client ? std::error_code() : std::error_code(errno, std::system_category());
  return client;
}

void SocketFile::remove() {
  if (!std::exchange(is_named_, false)) return;
  struct stat present{};
  if (::lstat(path_.c_str(), &present) != 0) return;
  if (present.st_dev == device_ && present.st_ino == inode_) ::unlink(path_.c_str());
}

void SocketFile::refuse_more() { ::shutdown(fd_.get(), SHUT_RDWR); }

}  // namespace lonc::net
