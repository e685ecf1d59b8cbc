// A listening UNIX socket and its name in the file system, which appears whole or not at all and is removed only
// while it is still ours. Accepts, but decides nothing about clients.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <system_error>

namespace lonc::net {

// A non-blocking connection to this listening socket; none and `error` if there is none (EAGAIN) or it failed.
UniqueFd accept_at(int listening, std::error_code& error);

// What has become of a socket's name.
struct SocketLook {
  bool is_new = false;  // it was gone and has been made anew
  std::string trouble;  // why it is not there, or is somebody else's, and what to do; empty if all is well
};

class SocketFile {
 public:
  // Replaces a socket of that name, in one step. Anything else of that name is left alone.
  // An empty `group` is that of the process. Throws std::system_error.
  SocketFile(std::string path, unsigned mode, const std::string& group);
  ~SocketFile();
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

  // Where the name is gone, or is that of a socket at which nobody listens: a new socket is bound to the path. Gives
  // the one before, to which nobody can connect any more; who has already can still be accepted there. Nothing if all
  // is well. Throws std::system_error, with what to do, where something is in the way; then all is as it was.
  UniqueFd renew();

  UniqueFd accept(std::error_code& error) { return accept_at(fd_.get(), error); }

  // Takes the name away, if it is still that of this socket.
  void remove();
  // Lets nobody connect any more. Who has already can still be accepted.
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
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// True only if the system says that nobody listens. Never waits: a full backlog belongs to a live listener.
bool is_abandoned_socket(const std::string& path);

}  // namespace lonc::net
