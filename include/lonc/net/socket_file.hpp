// A listening UNIX socket and its name in the file system, which appears whole or not at all and is removed only
// while it is still ours. Accepts, but decides nothing about clients.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <sys/types.h>

#include <string>
#include <system_error>

namespace lonc::net {

class SocketFile {
 public:
  // Replaces a socket of that name, in one step. Anything else of that name is left alone.
  // An empty `group` is that of the process. Throws std::system_error.
  SocketFile(std::string path, unsigned mode, const std::string& group);
  ~SocketFile();
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

  // A non-blocking connection; none and `error` if there is none (EAGAIN) or it failed.
  UniqueFd accept(std::error_code& error);

  // Takes the name away, if it is still that of this socket.
  void remove();
  // Lets nobody connect any more. Who has connected already can still be accepted.
  void refuse_more();
  void close() { fd_.reset(); }

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

 private:
  void bind_in(int directory, const std::string& name, unsigned mode, const std::string& group);

  std::string path_;
  UniqueFd fd_;
  bool is_named_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace lonc::net
