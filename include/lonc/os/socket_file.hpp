// A listening UNIX socket and its name in the file system, which appears complete or not at all and is removed only
// while it is still ours. Accepts clients, but decides nothing about them.
#pragma once

#include <lonc/os/files.hpp>
#include <lonc/os/unique_fd.hpp>

#include <sys/un.h>

#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace lonc::os {

// The address of the UNIX socket at `path`. No value if the path is too long for one.
std::optional<sockaddr_un> unix_address(const std::string& path);

// Accepts a connection on this listening socket; it is non-blocking. Returns none and sets `error` if none is waiting
// (EAGAIN) or accepting failed.
UniqueFd accept_at(int listening, std::error_code& error);

// The result of checking a socket's name.
struct SocketLook {
  bool is_new = false;  // it was gone and has been created again
  std::string trouble;  // why it is missing, or somebody else's, and what to do; empty if all is well
};

class SocketFile {
 public:
  // Replaces a socket of that name in one step. Anything else of that name is left alone. An empty `group` means that
  // of the process. Throws std::system_error.
  SocketFile(std::string path, unsigned mode, std::string group)
      : path_(std::move(path)), mode_(mode), group_(std::move(group)) {
    publish();
  }
  ~SocketFile() { remove(); }
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

  // If the name is gone, or belongs to a socket on which nobody listens, binds a new socket to the path. Returns the
  // previous socket: nobody can connect to it any more, but clients that have connected can still be accepted there.
  // Empty if all is well. Throws std::system_error, with what to do, if something is in the way; then nothing has
  // changed.
  UniqueFd renew();

  UniqueFd accept(std::error_code& error) { return accept_at(fd_.get(), error); }

  // Removes the name if it is still that of this socket.
  void remove();
  // Lets nobody connect any more. Clients that have connected can still be accepted.
  void refuse_more();
  void close() { fd_.reset(); }

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

 private:
  UniqueFd publish();
  struct stat bind_in(int directory, const std::string& name, int fd) const;

  std::string path_;
  unsigned mode_;
  std::string group_;
  UniqueFd fd_;
  bool is_named_ = false;
  FileId id_;
};

// True only if the system says that nobody listens. Never waits: a full backlog belongs to a live listener.
bool is_abandoned_socket(const std::string& path);

}  // namespace lonc::os
