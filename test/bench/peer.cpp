// bench-peer: one process that plays the peer for every contestant of the benchmark. It answers any line with
// `END\r\n`, as memcached answers a get that finds nothing, after lonc's handshake. Raw epoll on one thread, so that
// its own cost does not matter. A line that begins with enc: is answered encrypted.
#include "bench/options.hpp"
#include "bench/wire.hpp"

#include <lonc/core/wire/session_cipher.hpp>

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

using namespace lonc::bench;
using std::chrono::microseconds;

constexpr std::string_view challenge = "1234567890";
constexpr std::string_view build_key = "81234A0ABCDEF9870BCD0045678";

struct Plan {
  std::string id = "peer1";    // host id in the answer to pong
  std::string client = "data1";  // host id of lonc, for the session key
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::size_t reply_bytes = 5;  // of a whole answer, with its line end
  microseconds delay{0};        // of every answer: the distance of the peer
  microseconds service{0};      // of every answer, one after the other: the slowness of the peer
  microseconds dribble{0};      // between two bytes of the handshake, which therefore never ends
};

struct Connection {
  explicit Connection(int fd) : socket(fd) {}
  Socket socket;
  std::string in;
  std::string out;
  std::size_t sent = 0;
  std::size_t dribbled = 0;
  bool is_watched_for_writing = false;
};

struct Late {
  Clock::time_point due;
  int fd;
  std::uint64_t serial;
  std::string text;
};

class Peer {
 public:
  explicit Peer(const Plan& plan) : plan_(plan), listener_(listen_tcp(plan.address, plan.port)) {
    watch(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), EPOLLIN);
    answer_.assign("END");
    answer_.append(plan.reply_bytes > 5 ? plan.reply_bytes - 5 : 0, 'x').append("\r\n");
    lonc::core::SessionCipher cipher(lonc::core::derive_session_key(plan.id, plan.client, std::string(build_key)));
    cipher.encrypt(std::string_view(answer_).substr(0, answer_.size() - 1), encrypted_answer_);
    encrypted_answer_ += '\n';
  }

  void run() {
    std::printf("%u\n", port_of(listener_.get()));
    std::fflush(stdout);
    std::array<epoll_event, 256> events{};
    while (true) {
      const timespec time = wait_time();
      const int count = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                       late_.empty() ? nullptr : &time, nullptr);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == listener_.get()) {
          accept_all();
        } else {
          serve(event.data.fd, event.events);
        }
      }
      send_due();
    }
  }

 private:
  bool is_late() const { return plan_.delay.count() > 0 || plan_.service.count() > 0 || plan_.dribble.count() > 0; }

  timespec wait_time() const {
    if (late_.empty()) return {};
    const auto left = std::max<std::int64_t>(0, (late_.front().due - Clock::now()).count());
    return {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
  }

  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      set_no_delay(fd);
      connections_[fd] = std::make_unique<Connection>(fd);
      serials_[fd] = ++last_serial_;
      watch(epoll_.get(), EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  void serve(int fd, std::uint32_t events) {
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    bool is_open = true;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) is_open = read_all(connection);
    if (is_open) is_open = flush(connection);
    if (!is_open) connections_.erase(found);
  }

  bool read_all(Connection& connection) {
    while (true) {
      const ssize_t got = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
      if (got == 0) return false;
      if (got < 0) return errno == EAGAIN;
      take(connection, {buffer_.data(), static_cast<std::size_t>(got)});
      if (static_cast<std::size_t>(got) < buffer_.size()) return true;
    }
  }

  // The usual case, complete lines in one read, copies nothing.
  void take(Connection& connection, std::string_view bytes) {
    if (!connection.in.empty()) {
      connection.in.append(bytes);
      bytes = connection.in;
    }
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = bytes.find('\n', begin)) != std::string_view::npos; begin = end + 1)
      answer(connection, bytes.substr(begin, end - begin));
    std::string rest(bytes.substr(begin));
    connection.in.swap(rest);
  }

  void answer(Connection& connection, std::string_view line) {
    if (line.starts_with("enc:")) return say(connection, encrypted_answer_);
    if (line == "init") return dribble_or_append(connection, std::string(challenge) + "\n");
    if (line == challenge) {
      connection.out += "ok\n";
    } else if (line == "pong") {
      connection.out.append(plan_.id).append(":").append(plan_.client).append("\n");
    } else if (line == "ping") {
      say(connection, plan_.id + "\n");
    } else if (line == "ekey") {
      connection.out.append(build_key).append("\n");
    } else if (line == "exit") {
      connection.out += "bye\n";
    } else {
      say(connection, answer_);
    }
  }

  void say(Connection& connection, std::string_view text) {
    if (!is_late()) {
      connection.out += text;
      return;
    }
    const auto now = Clock::now();
    auto due = now + plan_.delay;
    if (plan_.service.count() > 0) due = free_at_ = std::max(now, free_at_) + plan_.service;
    const int fd = connection.socket.get();
    late_.push_back({due, fd, serials_[fd], std::string(text)});
  }

  void dribble_or_append(Connection& connection, const std::string& text) {
    if (plan_.dribble.count() == 0) {
      connection.out += text;
      return;
    }
    const int fd = connection.socket.get();
    late_.push_back({Clock::now() + plan_.dribble, fd, serials_[fd], "1"});
  }

  void send_due() {
    if (late_.empty()) return;
    const auto now = Clock::now();
    for (std::size_t left = late_.size(); left != 0 && !late_.empty() && late_.front().due <= now; --left) {
      Late late = std::move(late_.front());
      late_.pop_front();
      const auto found = connections_.find(late.fd);
      if (found == connections_.end() || serials_[late.fd] != late.serial) continue;
      found->second->out += late.text;
      const bool is_open = flush(*found->second);
      if (!is_open) {
        connections_.erase(found);
      } else if (plan_.dribble.count() > 0) {
        late.due = now + plan_.dribble;
        late_.push_back(std::move(late));
      }
    }
  }

  bool flush(Connection& connection) {
    while (connection.sent < connection.out.size()) {
      const ssize_t sent = ::send(connection.socket.get(), connection.out.data() + connection.sent,
                                  connection.out.size() - connection.sent, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) return false;
        watch_writing(connection, true);
        return true;
      }
      connection.sent += static_cast<std::size_t>(sent);
    }
    connection.out.clear();
    connection.sent = 0;
    watch_writing(connection, false);
    return true;
  }

  void watch_writing(Connection& connection, bool is_wanted) {
    if (std::exchange(connection.is_watched_for_writing, is_wanted) == is_wanted) return;
    watch(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), EPOLLIN | (is_wanted ? EPOLLOUT : 0U));
  }

  Plan plan_;
  Socket epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  Socket listener_;
  std::string answer_;
  std::string encrypted_answer_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::unordered_map<int, std::uint64_t>
      serials_;  // distinguishes a connection from an earlier one with the same descriptor
  std::uint64_t last_serial_ = 0;
  std::deque<Late> late_;  // all have the same delay, so they are due in their order
  Clock::time_point free_at_{};
  std::array<char, 128 * 1024> buffer_{};
};

Plan plan_from(int argc, char* argv[]) {
  Plan plan;
  const Options options(argc, argv);
  options.get("id", plan.id);
  options.get("client", plan.client);
  options.get("address", plan.address);
  options.get("port", plan.port);
  options.get("reply-bytes", plan.reply_bytes);
  plan.delay = microseconds(options.number("delay-us", 0));
  plan.service = microseconds(options.number("service-us", 0));
  plan.dribble = microseconds(options.number("dribble-us", 0));
  return plan;
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    allow_many_descriptors();
    auto peer = std::make_unique<Peer>(plan_from(argc, argv));
    peer->run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-peer: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
