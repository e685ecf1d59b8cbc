// A listening socket at which administrators connect, and what those who do may do.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <string>
#include <system_error>

namespace lonc::app {

enum class AdminAccess {
  none,  // refused
  read,  // GET alone
  all,
};

class AdminDoor {
 public:
  virtual ~AdminDoor() = default;

  virtual int fd() const = 0;
  virtual int family() const = 0;  // AF_UNIX, ...
  // A non-blocking connection; none and `error` if there is none (EAGAIN) or it failed.
  virtual net::UniqueFd accept(std::error_code& error) = 0;
  virtual AdminAccess access_of(int fd) const = 0;
  // See net::SocketFile.
  virtual net::UniqueFd renew() { return {}; }
  // Nobody who did not connect before gets in any more.
  virtual void close() = 0;
};

// A UNIX socket. Root and the daemon's own user may do everything; members of `group`, unless it is empty, may read,
// and only with it are others let to the socket at all. Throws std::system_error.
std::unique_ptr<AdminDoor> open_unix_door(const std::string& path, const std::string& group);

// TCP, for reading. Throws std::system_error.
std::unique_ptr<AdminDoor> open_tcp_door(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace lonc::app
