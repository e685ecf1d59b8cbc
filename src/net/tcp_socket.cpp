#include <lonc/net/tcp_socket.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>

namespace lonc::net {

namespace {

std::error_code last_error() { return {errno, std::system_category()}; }

void set_option(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }

template <typename Unit>
int whole(core::Duration duration) {
  const auto count = std::chrono::ceil<Unit>(duration).count();
  return static_cast<int>(std::clamp<decltype(count)>(count, 1, std::numeric_limits<int>::max()));
}

// TCP on one machine may connect a socket to itself when its own port happens to be the one asked for.
bool is_connected_to_itself(int fd) {
  boost::asio::ip::tcp::endpoint own;
  boost::asio::ip::tcp::endpoint other;
  auto own_size = static_cast<socklen_t>(own.capacity());
  auto other_size = static_cast<socklen_t>(other.capacity());
  if (::getsockname(fd, own.data(), &own_size) != 0 || ::getpeername(fd, other.data(), &other_size) != 0) return false;
  own.resize(own_size);
  other.resize(other_size);
  return own == other;
}

}  // namespace

UniqueFd begin_connect(const boost::asio::ip::tcp::endpoint& endpoint, std::error_code& error) {
  UniqueFd fd(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) {
    error = last_error();
    return fd;
  }
  const int result = ::connect(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size()));
  error = result == 0 || errno == EINPROGRESS || errno == EINTR ? std::error_code() : last_error();
  return fd;
}

std::error_code connect_result(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return last_error();
  if (error == 0 && is_connected_to_itself(fd)) error = ECONNREFUSED;
  return {error, std::system_category()};
}

void set_connection_options(int fd, const KeepAlive& keep_alive) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, whole<std::chrono::seconds>(keep_alive.idle));
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, whole<std::chrono::seconds>(keep_alive.interval));
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(keep_alive.count));
  // 0 is the system's own rule, and the system's own default.
  if (keep_alive.user_timeout > core::Duration::zero())
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, whole<std::chrono::milliseconds>(keep_alive.user_timeout));
}

}  // namespace lonc::net
