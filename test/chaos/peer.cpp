// chaos-peer: a lond that misbehaves on command. Standard input takes the faults, one per line; each affects the next
// request, or all connections at once. Every answer says which request it answers (token.hpp). Raw epoll, one thread:
// to freeze it, stop the process.
#include "bench/options.hpp"
#include "bench/wire.hpp"
#include "chaos/token.hpp"

#include <lonc/core/wire/session_cipher.hpp>

#include <fcntl.h>
#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace lonc::bench;
using namespace lonc::chaos;
using namespace std::chrono_literals;

constexpr std::string_view challenge = "1234567890";
constexpr std::string_view build_key = "81234A0ABCDEF9870BCD0045678";
constexpr std::string_view delayed_word = "chaosdelayed:";  // begins the messages that the driver leaves in the spool
constexpr std::size_t big_answer = 100'000;

struct Connection {
  explicit Connection(int fd) : socket(fd) {}
  Socket socket;
  std::string in;
  std::string out;
  Clock::time_point held_until{};
  std::string copy;  // of an answer, to be sent separately
  Clock::time_point copy_at{};
  bool is_silent = false;
  bool closes_after = false;
  bool had_too_much = false;  // it sent unsolicited lines: then none is omitted on this connection, since
  bool had_too_little = false;  // one of each in a batch would leave the count correct
};

class Peer {
 public:
  explicit Peer(const Options& options) {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;
    std::string journal;
    options.get("id", id_);
    options.get("client", client_);
    options.get("address", address);
    options.get("port", port);
    options.get("journal", journal);
    options.get("combine-faults", combine_);
    unsigned memcache = 0;
    options.get("memcache", memcache);
    is_memcache_ = memcache != 0;
    incarnation_ = (static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()) << 8U) ^
                   static_cast<std::uint64_t>(::getpid());
    cipher_ = lonc::core::SessionCipher(lonc::core::derive_session_key(id_, client_, std::string(build_key)));
    if (!journal.empty()) journal_.reset(::open(journal.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    listener_ = listen_tcp(address, port);
    watch(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), EPOLLIN);
    watch(epoll_.get(), EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN);
  }

  void run() {
    std::printf("%u\n", port_of(listener_.get()));
    std::fflush(stdout);
    std::array<epoll_event, 64> events{};
    while (!is_over_) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), held_ > 0 ? 5 : 500);
      // Before input is read: so late answers arrive during later requests.
      if (held_ > 0) release();
      for (int i = 0; i < count; ++i) serve(events[static_cast<std::size_t>(i)]);
    }
  }

 private:
  void serve(const epoll_event& event) {
    if (event.data.fd == listener_.get()) return accept_all();
    if (event.data.fd == STDIN_FILENO) return read_faults();
    const auto found = connections_.find(event.data.fd);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    if (!read_all(connection) || !flush(connection)) connections_.erase(found);
  }

  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      set_no_delay(fd);
      auto connection = std::make_unique<Connection>(fd);
      connection->is_silent = std::exchange(is_next_silent_, false);
      connections_[fd] = std::move(connection);
      watch(epoll_.get(), EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  void read_faults() {
    const ssize_t got = ::read(STDIN_FILENO, buffer_.data(), buffer_.size());
    if (got <= 0) {
      is_over_ = true;
      return;
    }
    commands_.append(buffer_.data(), static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = commands_.find('\n')) != std::string::npos; commands_.erase(0, end + 1)) {
      const std::string fault = commands_.substr(0, end);
      if (fault == "fin" || fault == "rst") {
        close_all(fault == "rst");
      } else if (fault == "well") {
        faults_.clear();
        is_next_silent_ = false;
      } else if (fault == "silent") {
        is_next_silent_ = true;
      } else if (faults_.size() < 4) {  // a peer without requests does not accumulate faults
        faults_.push_back(fault);
      }
    }
  }

  void close_all(bool with_reset) {
    if (with_reset) {
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      for (auto& [fd, connection] : connections_) ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    connections_.clear();
  }

  bool take(std::string_view fault) {
    if (faults_.empty() || !faults_.front().starts_with(fault)) return false;
    faults_.pop_front();
    return true;
  }

  // All available input is answered by one write: lonc writes a batch in one piece.
  bool read_all(Connection& connection) {
    while (true) {
      const ssize_t got = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
      if (got < 0) break;
      connection.in.append(buffer_.data(), static_cast<std::size_t>(got));
      if (static_cast<std::size_t>(got) < buffer_.size()) break;
    }
    if (connection.is_silent) {
      connection.in.clear();
      return true;
    }
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = connection.in.find('\n', begin)) != std::string::npos; begin = end + 1)
      answer(connection, std::string_view(connection.in).substr(begin, end - begin));
    connection.in.erase(0, begin);
    return true;
  }

  void answer(Connection& connection, std::string_view line) {
    if (connection.closes_after) return;
    std::string& out = connection.out;
    if (is_memcache_) {
      if (line.starts_with("get ") && line.ends_with('\r')) request(connection, line.substr(4, line.size() - 5), false);
    } else if (line == "init") {
      out.append(challenge) += '\n';
    } else if (line == challenge) {
      out += "ok\n";
    } else if (line == "pong") {
      out.append(id_).append(":").append(client_) += '\n';
    } else if (line == "ekey") {
      out.append(build_key) += '\n';
    } else if (line == "exit") {
      out += "bye\n";
    } else if (line == "ping") {
      out.append(id_) += '\n';
    } else if (line.starts_with("enc:")) {
      std::string text;
      if (cipher_.decrypt(line, text)) {
        out += "error:not_decodable\n";
      } else {
        request(connection, text, true);
      }
    } else {
      request(connection, line, false);
    }
  }

  void request(Connection& connection, std::string_view line, bool is_encrypted) {
    if (line.starts_with(delayed_word)) {
      const std::string entry = std::string(line) + "\n";
      if (::write(journal_.get(), entry.data(), entry.size()) < 0) fail("journal");
      connection.closes_after = take("half");  // it has received the message, but lonc cannot know that
      connection.out += connection.closes_after ? "o" : "ok\n";
      return;
    }
    std::string text = write({Kind::answer, id_, incarnation_, ++serial_, hash_of(line)});
    if (line.starts_with("get:big")) text.append(big_answer, 'x');
    const bool may_omit = combine_ != 0 || !connection.had_too_much;
    const bool may_add = (combine_ != 0 || !connection.had_too_little) && line.size() < 1000 && text.size() < 1000;
    if (may_omit && take("omit")) {
      connection.had_too_little = true;
      return;
    }
    if (take("garbage")) {
      text[0] = static_cast<char>(Kind::garbled);
      text += "\x01\xff\xfe\x80 \r \x7f";
    }
    if (take("half")) {
      say(connection, text, false);
      connection.out.resize(connection.out.size() - text.size() / 2);
      connection.closes_after = true;
      return;
    }
    if (!faults_.empty() && faults_.front().starts_with("late ")) {
      hold(connection, std::chrono::milliseconds(std::atoi(faults_.front().c_str() + 5)));
      faults_.pop_front();
    }
    const std::size_t begin = connection.out.size();
    say(connection, text, is_encrypted);
    if (!may_add) return;
    const std::size_t before = connection.out.size();
    if (take("double")) say(connection, text, is_encrypted);
    if (take("unasked")) say(connection, write({Kind::unasked, id_, incarnation_, ++serial_, 0}), false);
    if (take("empty")) connection.out += is_memcache_ ? "\r\n" : "\n";
    connection.had_too_much = connection.had_too_much || connection.out.size() != before;
    if (!faults_.empty() && faults_.front().starts_with("copy ") && connection.copy.empty()) {
      connection.copy = connection.out.substr(begin);
      connection.copy_at = Clock::now() + std::chrono::milliseconds(std::atoi(faults_.front().c_str() + 5));
      connection.had_too_much = true;
      ++held_;
      faults_.pop_front();
    }
  }

  void say(Connection& connection, const std::string& text, bool is_encrypted) {
    if (is_memcache_) {
      connection.out += "VALUE k 0 " + std::to_string(text.size()) + "\r\n" + text + "\r\nEND\r\n";
      return;
    }
    if (is_encrypted) {
      cipher_.encrypt(text, encrypted_);
      connection.out += encrypted_;
    } else {
      connection.out += text;
    }
    connection.out += '\n';
  }

  void hold(Connection& connection, std::chrono::milliseconds time) {
    if (connection.held_until == Clock::time_point{}) ++held_;
    connection.held_until = Clock::now() + time;
  }

  void release() {
    held_ = 0;
    const auto now = Clock::now();
    for (auto at = connections_.begin(); at != connections_.end();) {
      Connection& connection = *at->second;
      bool is_open = true;
      if (!connection.copy.empty()) {
        if (connection.copy_at <= now) {
          connection.out += std::exchange(connection.copy, {});
          is_open = flush(connection);
        } else {
          ++held_;
        }
      }
      if (is_open && connection.held_until != Clock::time_point{}) {
        if (connection.held_until <= now) {
          connection.held_until = {};
          is_open = flush(connection);
        } else {
          ++held_;
        }
      }
      at = is_open ? std::next(at) : connections_.erase(at);
    }
  }

  bool flush(Connection& connection) {
    if (connection.held_until != Clock::time_point{}) return true;
    while (!connection.out.empty()) {
      const ssize_t sent = ::send(connection.socket.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) return false;
        hold(connection, 1ms);
        return true;
      }
      connection.out.erase(0, static_cast<std::size_t>(sent));
    }
    return !connection.closes_after;
  }

  std::string id_ = "p0";
  std::string client_ = "data1";
  unsigned combine_ = 0;
  bool is_memcache_ = false;  // for a relay that speaks only this protocol
  std::uint64_t incarnation_ = 0;
  std::uint32_t serial_ = 0;
  Socket epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  Socket listener_;
  Socket journal_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  std::deque<std::string> faults_;
  std::string commands_;
  std::string encrypted_;
  lonc::core::SessionCipher cipher_{lonc::core::derive_session_key(id_, client_, std::string(build_key))};
  int held_ = 0;
  bool is_next_silent_ = false;
  bool is_over_ = false;
  std::array<char, 128 * 1024> buffer_{};
};

}  // namespace

int main(int argc, char* argv[]) {
  try {
    allow_many_descriptors();
    auto peer = std::make_unique<Peer>(Options(argc, argv));
    peer->run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chaos-peer: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
