// Shared by the tests of this layer: waiting with a deadline, directories, non-blocking peers and clients.
#pragma once

#include "support/temp_dir.hpp"

#include <lonc/net/session/log_sink.hpp>
#include <lonc/net/socket/executor.hpp>
#include <lonc/os/unique_fd.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lonc::test {

using namespace std::chrono_literals;

// Runs the loop until `condition` holds; false if it does not hold in time.
template <typename Condition>
bool run_until(boost::asio::io_context& io, Condition condition, std::chrono::milliseconds limit = 10s) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    io.restart();
    io.run_one_for(1ms);
  }
  return true;
}

// Runs the loop until nothing is ready any more.
inline void run_ready(boost::asio::io_context& io) {
  do {
    io.restart();
  } while (io.poll() != 0);
}

// Exceptions of a test's own coroutines are thrown out of the loop.
template <typename Coroutine>
void spawn(const net::Strand& strand, Coroutine coroutine) {
  boost::asio::co_spawn(strand, std::move(coroutine), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
}

inline std::pair<os::UniqueFd, os::UniqueFd> socket_pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0)
    throw std::runtime_error("socketpair");
  return {os::UniqueFd(fds[0]), os::UniqueFd(fds[1])};
}

// A socket of the test that never blocks: collects what has been received so far.
class Wire {
 public:
  explicit Wire(os::UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  bool send(std::string_view text) {
    return ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(text.size());
  }
  // Everything that was received and has not been taken yet.
  const std::string& received() {
    std::array<char, 65536> buffer{};
    while (true) {
      const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got > 0) {
        received_.append(buffer.data(), static_cast<std::size_t>(got));
        continue;
      }
      if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) is_ended_ = true;
      return received_;
    }
  }
  bool is_ended() {
    received();
    return is_ended_;
  }
  // The next complete line without its line end; false if there is none.
  bool take_line(std::string& line) {
    const auto end = received().find('\n');
    if (end == std::string::npos) return false;
    line = received_.substr(0, end);
    received_.erase(0, end + 1);
    return true;
  }
  // Whether the kernel of the other end has everything that was sent over TCP; loopback may lag behind.
  bool is_delivered() const {
    int waiting = 0;
    return ::ioctl(fd_.get(), SIOCOUTQ, &waiting) == 0 && waiting == 0;
  }
  void end_writing() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }

 private:
  os::UniqueFd fd_;
  std::string received_;
  bool is_ended_ = false;
};

// errno of connect() if it fails.
inline std::pair<os::UniqueFd, int> connect_local(const std::string& path) {
  os::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return {std::move(fd), result == 0 ? 0 : errno};
}

// A TCP listener, by default on 127.0.0.1 with a port chosen by the system.
class TcpListener {
 public:
  explicit TcpListener(in_addr_t where = INADDR_LOOPBACK, std::uint16_t port = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(where);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(fd_.get(), 64) != 0)
      throw std::runtime_error("listen");
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  std::uint16_t port() const { return port_; }
  os::UniqueFd accept() { return os::UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)); }
  void close() { fd_.reset(); }

 private:
  os::UniqueFd fd_;
  std::uint16_t port_ = 0;
};

class KeptLog : public net::LogSink {
 public:
  void write(core::Severity, const net::LogContext& context, std::string_view message) override {
    const std::lock_guard lock(mutex_);
    if (throws_on && message.find(*throws_on) != std::string_view::npos) throw std::runtime_error("log sink");
    lines_.push_back(std::string(context.server) + " [" + std::string(context.status) + "]: " + std::string(message));
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  bool has(std::string_view text) {
    const std::lock_guard lock(mutex_);
    for (const auto& line : lines_)
      if (line.find(text) != std::string::npos) return true;
    return false;
  }
  std::uint64_t lines_given() const override {
    const std::lock_guard lock(mutex_);
    return lines_.size();
  }
  std::uint64_t lines_done() const override { return hangs ? 0 : lines_given(); }
  std::optional<std::string> throws_on;
  std::atomic<bool> hangs{false};  // as if the disk of the log hung

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace lonc::test
