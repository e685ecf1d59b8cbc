// bench-bare: the least that a relay between UNIX sockets and one TCP connection can do, to separate the cost of the
// system calls from that of lonc. It makes the same system calls as lonc, and nothing else: no deadline, no queue, no
// check of the input, no second connection, no log; short lines only, and an error ends it.
#include "bench/options.hpp"
#include "bench/wire.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace lonc::bench;

constexpr int accepted_at_once = 64;
constexpr unsigned most_looks = 16;

struct Client {
  Socket socket;
  unsigned looks = 0;
  bool is_watched = false;
};

class Bare {
 public:
  Bare(const std::string& path, std::uint16_t port) : clients_(1 << 16) {
    const sockaddr_in peer = tcp_address("127.0.0.1", port);
    peer_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(peer_.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) fail("connect");
    set_no_delay(peer_.get());
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.copy(at.sun_path, sizeof at.sun_path - 1);
    listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ::unlink(path.c_str());  // left by an earlier run in the same directory
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("bind");
    if (::listen(listener_.get(), SOMAXCONN) != 0) fail("listen");
    watch(epoll_.get(), EPOLL_CTL_ADD, peer_.get(), EPOLLIN);
    watch(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), EPOLLIN);
  }

  [[noreturn]] void run() {
    while (true) turn();
  }

 private:
  void turn() {
    std::array<epoll_event, 128> events{};
    const int found =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), to_look_at_.empty() ? -1 : 0);
    is_anything_going_on_ = found > 0;
    for (int i = 0; i < found; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == peer_.get()) {
        answer();
      } else if (fd == listener_.get()) {
        accept();
      } else {
        read(fd);
      }
    }
    looking_at_.clear();
    looking_at_.swap(to_look_at_);
    for (const int fd : looking_at_) read(fd);
    if (requests_.empty()) return;
    if (::send(peer_.get(), requests_.data(), requests_.size(), MSG_NOSIGNAL) < 0) fail("send");
    requests_.clear();
  }

  void accept() {
    for (int i = 0; i != accepted_at_once; ++i) {
      Socket socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket) return;
      const int fd = socket.get();
      clients_[static_cast<std::size_t>(fd)] = {std::move(socket)};
      read(fd);
    }
  }

  void read(int fd) {
    Client& client = clients_[static_cast<std::size_t>(fd)];
    std::array<char, 4096> line;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
    const ssize_t got = ::recv(fd, line.data(), line.size(), MSG_DONTWAIT);
    if (got > 0) {
      client.looks = 0;
      asking_.push_back(fd);
      requests_.append(line.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EAGAIN) {
      client.socket.reset();
    } else if (!client.is_watched && client.looks++ < most_looks && is_anything_going_on_) {
      to_look_at_.push_back(fd);
    } else if (!std::exchange(client.is_watched, true)) {
      watch(epoll_.get(), EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP | EPOLLET);
    }
  }

  void answer() {
    const ssize_t got = ::recv(peer_.get(), answers_.data(), answers_.size(), MSG_DONTWAIT);
    if (got <= 0) fail("recv");
    std::string_view rest(answers_.data(), static_cast<std::size_t>(got));
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      const int fd = asking_.front();
      asking_.pop_front();
      // A client that has left in the meantime does not matter here.
      [[maybe_unused]] const ssize_t sent = ::send(fd, rest.data(), end + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (!clients_[static_cast<std::size_t>(fd)].is_watched) to_look_at_.push_back(fd);
      rest.remove_prefix(end + 1);
    }
    if (!rest.empty()) throw std::runtime_error("a piece of an answer");
  }

  Socket epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  Socket peer_;
  Socket listener_;
  std::vector<Client> clients_;  // by descriptor
  std::deque<int> asking_;       // clients in the order of their requests
  std::string requests_;         // of this turn
  std::vector<int> to_look_at_;
  std::vector<int> looking_at_;
  std::array<char, 64 * 1024> answers_{};
  bool is_anything_going_on_ = false;
};

}  // namespace

int main(int argc, char* argv[]) {
  try {
    const Options options(argc, argv);
    std::string path;
    std::uint16_t port = 0;
    options.get("socket", path);
    options.get("port", port);
    allow_many_descriptors();
    Bare(path, port).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-bare: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
