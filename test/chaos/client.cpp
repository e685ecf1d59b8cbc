#include "chaos/client.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>

namespace lonc::chaos {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t read_size = 64 * 1024;
constexpr auto after_con_lost = 5ms;   // so that most requests do not go to a peer that is away
constexpr auto after_leaving = 10ms;   // so that most clients are waiting for an answer
constexpr auto between_reads = 2ms;    // of a slow reader
constexpr std::size_t slow_read = 7;
constexpr unsigned worker_patience = 2;

}  // namespace

bool Client::is_excused() const {
  return habit_ == Habit::leaving || field_.is_lonc_down || life_ != field_.lives || field_.moving.contains(peer_);
}

void Client::look(Time now) {
  if (!waiting_.empty() && field_.judge.look(waiting_.front(), now) == Verdict::hung) return end(false);
  if (is_closing_connection_ && now >= closing_deadline_) {
    Expectation end_of_file = Judge::expect(peer_, "close_connection_exit", closing_deadline_);
    field_.judge.look(end_of_file, now);
    return end(false);
  }
  if (now < paused_until_) return;
  if (waiting_.empty() && !is_closing_connection_) return begin(now);
  if (habit_ == Habit::slow && socket_) watch(EPOLLIN);
}

void Client::begin(Time now) {
  if (field_.is_paused || field_.is_lonc_down || field_.asked >= field_.enough) return;
  if (!socket_) {
    peer_ = "p" + std::to_string(requests_.below(field_.peers));
    if (!connect()) return pause(after_con_lost);
    life_ = field_.lives;
    left_on_connection_ = habit_ == Habit::kept ? 50 : 1;
    in_.clear();
  }
  if (habit_ == Habit::worker && field_.dialect.closes_on_demand && con_lost_in_a_row_ >= worker_patience) {
    con_lost_in_a_row_ = 0;
    is_closing_connection_ = true;
    closing_deadline_ = now + field_.limit;
    out_ = "close_connection_exit\n";
    sent_ = 0;
  } else {
    ask(now);
  }
  if (!send()) return end(is_excused());
  if (habit_ == Habit::leaving && out_.empty()) leave();
}

bool Client::connect() {
  socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) bench::fail("socket");
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  (field_.directory + "/" + peer_).copy(at.sun_path, sizeof at.sun_path - 1);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    socket_.reset();  // lonc is being started, the host is gone, or the backlog is full
    return false;
  }
  watched_ = 0;
  watch(EPOLLIN);
  return true;
}

void Client::ask(Time now) {
  const std::size_t count = habit_ == Habit::packet ? 2 + requests_.below(4) : 1;
  out_.clear();
  sent_ = 0;
  for (std::size_t i = 0; i != count; ++i) {
    const Request request = requests_.next(habit_ == Habit::single || habit_ == Habit::kept);
    out_.append(request.line) += '\n';
    waiting_.push_back(Judge::expect(peer_, request.command, now + field_.limit));
    ++field_.asked;
  }
  --left_on_connection_;
}

bool Client::send() {
  while (sent_ < out_.size()) {
    const std::size_t size = habit_ == Habit::bytewise && out_.size() < 1000 ? 1 : out_.size() - sent_;
    const ssize_t sent = ::send(socket_.get(), out_.data() + sent_, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) sent_ += static_cast<std::size_t>(sent);
    if (sent < 0 || (habit_ == Habit::bytewise && sent_ < out_.size())) {
      watch(EPOLLIN | EPOLLOUT);
      return true;
    }
  }
  out_.clear();
  sent_ = 0;
  watch(EPOLLIN);
  if (habit_ == Habit::half_close) ::shutdown(socket_.get(), SHUT_WR);
  return true;
}

void Client::serve(std::uint32_t events) {
  if (!socket_) return;
  // Refused while it is still writing: the answer can be read.
  if ((events & EPOLLOUT) != 0 && !out_.empty() && !send()) out_.clear();
  if (socket_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
  if (socket_ && habit_ == Habit::leaving && out_.empty() && !waiting_.empty()) leave();
}

void Client::read() {
  std::array<char, read_size> buffer;  // NOLINT: filled by recv
  const std::size_t size = habit_ == Habit::slow ? slow_read + in_.size() / 4 : buffer.size();
  const ssize_t got = ::recv(socket_.get(), buffer.data(), std::min(size, buffer.size()), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return end(is_excused());
  in_.append(buffer.data(), static_cast<std::size_t>(got));
  if (habit_ == Habit::slow) {
    watch(0);
    pause(between_reads);
  }
  take_lines();
}

void Client::take_lines() {
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = in_.find('\n', begin)) != std::string::npos; begin = end + 1)
    take(std::string_view(in_).substr(begin, end - begin));
  in_.erase(0, begin);
  if (!waiting_.empty() || is_closing_connection_) return;
  if (left_on_connection_ == 0) {
    end(true);
  } else if (paused_until_ < Judge::Time::clock::now()) {
    this->begin(Judge::Time::clock::now());
  }
}

void Client::take(std::string_view line) {
  if (field_.dialect.is_memcache) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("VALUE ") || line == "END") return;
    if (line.starts_with("SERVER_ERROR ")) line = "con_lost";
  }
  if (waiting_.empty()) {
    if (!is_closing_connection_) field_.judge.unasked();
    return;
  }
  const Verdict verdict = field_.judge.answered(waiting_.front(), line);
  waiting_.pop_front();
  if (verdict != Verdict::con_lost) {
    con_lost_in_a_row_ = 0;
    return;
  }
  ++con_lost_in_a_row_;
  pause(after_con_lost);
  left_on_connection_ = 0;  // continue with another peer
}

void Client::end(bool is_excused) {
  for (Expectation& request : waiting_) field_.judge.ended(request, is_excused);
  waiting_.clear();
  out_.clear();
  sent_ = 0;
  is_closing_connection_ = false;
  socket_.reset();
}

void Client::leave() {
  end(true);
  pause(after_leaving);
}

void Client::pause(std::chrono::milliseconds time) { paused_until_ = Judge::Time::clock::now() + time; }

void Client::watch(std::uint32_t events) {
  if (watched_ == events) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = number_;
  const int operation = watched_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (events == 0) {
    ::epoll_ctl(field_.epoll, EPOLL_CTL_DEL, socket_.get(), &event);
  } else if (::epoll_ctl(field_.epoll, operation, socket_.get(), &event) != 0) {
    bench::fail("epoll_ctl");
  }
  watched_ = events;
}

}  // namespace lonc::chaos
