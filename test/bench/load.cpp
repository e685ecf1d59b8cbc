// bench-load: sends requests to one socket and measures. Closed loop: each client sends the next request as soon as it
// is answered. Open loop (--rate): requests start at fixed times whether or not earlier ones have been answered, and
// their time counts from their planned start. Raw epoll on one thread. Prints one line of JSON.
#include "bench/histogram.hpp"
#include "bench/options.hpp"
#include "bench/wire.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lonc::bench;

struct Plan {
  std::string unix_path;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;      // TCP, if there is no unix_path
  unsigned clients = 64;       // open loop: the maximum at a time
  unsigned keep = 0;           // 1: connections are kept open
  std::uint64_t requests = 0;  // 0: until the time is up
  double seconds = 0;
  double rate = 0;
  std::size_t line_bytes = 32;  // of a whole request, with its line end
  std::string begin = "get ";
  unsigned only_connect = 0;  // 1: open all clients, report that, and stay until killed
};

struct Tally {
  std::uint64_t answered = 0;
  std::uint64_t con_lost = 0;
  std::uint64_t broken = 0;      // end of file or error instead of an answer
  std::uint64_t not_begun = 0;   // open loop: no client was free, or the backlog was full
  Histogram times;
  Histogram con_lost_times;
};

struct Client {
  Socket socket;
  Clock::time_point begun{};      // open loop: its planned start
  Clock::time_point connected{};  // its actual start
  std::size_t sent = 0;      // of the request
  std::size_t received = 0;  // of the answer
  char first = 0;            // first byte of the answer
  bool is_asking = false;
  bool is_watched_for_writing = false;
};

class Load {
 public:
  explicit Load(const Plan& plan) : plan_(plan), clients_(plan.clients) {
    line_ = plan.begin;
    if (line_.size() + 2 < plan.line_bytes) line_.append(plan.line_bytes - 2 - line_.size(), 'k');
    line_ += "\r\n";
    free_.reserve(clients_.size());
    for (std::size_t i = clients_.size(); i != 0; --i) free_.push_back(i - 1);
    retry_.reserve(clients_.size());
  }

  void run() {
    if (plan_.only_connect != 0) return stay();
    started_ = Clock::now();
    end_ = plan_.seconds > 0
               ? started_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(plan_.seconds))
               : Clock::time_point::max();
    if (plan_.rate > 0) {
      open_loop();
    } else {
      closed_loop();
    }
    print();
  }

 private:
  void closed_loop() {
    while (!free_.empty()) begin_on_free(Clock::now());
    while (is_going_on()) {
      wait(retry_.empty() ? -1 : 0, true);
      std::vector<std::size_t> again;
      again.swap(retry_);
      for (const std::size_t number : again) begin(number, clients_[number].begun);
    }
  }

  void open_loop() {
    const auto pace = std::chrono::duration<double>(1 / plan_.rate);
    std::uint64_t begun = 0;
    while (is_going_on()) {
      const auto now = Clock::now();
      const auto due = static_cast<std::uint64_t>((now - started_) / pace);
      for (unsigned burst = 0; begun < due && burst != 256; ++burst, ++begun) {
        const auto planned = started_ + std::chrono::duration_cast<Clock::duration>(pace * static_cast<double>(begun));
        if (free_.empty()) {
          ++tally_.not_begun;
        } else {
          begin_on_free(planned);
        }
      }
      wait(begun < due ? 0 : 1, false);
      for (const std::size_t number : retry_) give_up(number);
      retry_.clear();
    }
  }

  void stay() {
    while (!free_.empty()) {
      const std::size_t number = free_.back();
      if (!connect(clients_[number])) {
        ::usleep(1000);
        continue;
      }
      free_.pop_back();
    }
    std::printf("{\"connected\": %zu}\n", clients_.size());
    std::fflush(stdout);
    ::pause();
  }

  bool is_going_on() const {
    if (plan_.requests != 0 && tally_.answered + tally_.con_lost + tally_.broken >= plan_.requests) return false;
    return Clock::now() < end_;
  }

  void wait(int milliseconds, bool ask_again) {
    std::array<epoll_event, 256> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), milliseconds);
    for (int i = 0; i < count; ++i) {
      const auto number = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
      if (clients_[number].sent < line_.size() && clients_[number].is_asking) {
        if (!send_rest(number)) finish(number, Outcome::broken, ask_again);
      }
      read(number, ask_again);
    }
  }

  void begin_on_free(Clock::time_point planned) {
    const std::size_t number = free_.back();
    free_.pop_back();
    begin(number, planned);
  }

  void begin(std::size_t number, Clock::time_point planned) {
    Client& client = clients_[number];
    client.begun = planned;
    client.connected = Clock::now();
    if (!client.socket) {
      if (!connect(client)) return retry_.push_back(number);
      watch_client(number, EPOLL_CTL_ADD, EPOLLIN);
      client.is_watched_for_writing = false;
    }
    client.is_asking = true;
    client.sent = client.received = 0;
    if (!send_rest(number)) finish(number, Outcome::broken, plan_.rate == 0);
  }

  // False if the backlog is full: a local connect reports that at once.
  bool connect(Client& client) {
    const bool is_local = !plan_.unix_path.empty();
    client.socket.reset(::socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!client.socket) fail("socket");
    int result = 0;
    if (is_local) {
      sockaddr_un at{};
      at.sun_family = AF_UNIX;
      plan_.unix_path.copy(at.sun_path, sizeof at.sun_path - 1);
      result = ::connect(client.socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
    } else {
      const sockaddr_in at = tcp_address(plan_.address, plan_.port);
      set_no_delay(client.socket.get());
      result = ::connect(client.socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
    }
    if (result == 0 || errno == EINPROGRESS) return true;
    if (errno != EAGAIN) fail("connect");
    client.socket.reset();
    return false;
  }

  void watch_client(std::size_t number, int operation, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = number;
    if (::epoll_ctl(epoll_.get(), operation, clients_[number].socket.get(), &event) != 0) fail("epoll_ctl");
  }

  bool send_rest(std::size_t number) {
    Client& client = clients_[number];
    while (client.sent < line_.size()) {
      const ssize_t sent = ::send(client.socket.get(), line_.data() + client.sent, line_.size() - client.sent,
                                  MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) {
        // A TCP socket that is still connecting also returns EAGAIN.
        if (errno != EAGAIN) return false;
        if (!std::exchange(client.is_watched_for_writing, true))
          watch_client(number, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        return true;
      }
      client.sent += static_cast<std::size_t>(sent);
    }
    if (std::exchange(client.is_watched_for_writing, false)) watch_client(number, EPOLL_CTL_MOD, EPOLLIN);
    return true;
  }

  enum class Outcome { answered, con_lost, broken };

  void read(std::size_t number, bool ask_again) {
    Client& client = clients_[number];
    if (!client.is_asking) {  // a kept connection was closed by the other side
      if (client.socket) client.socket.reset();
      return;
    }
    const ssize_t got = ::recv(client.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return finish(number, Outcome::broken, ask_again);
    if (client.received == 0) client.first = buffer_[0];
    client.received += static_cast<std::size_t>(got);
    if (buffer_[static_cast<std::size_t>(got) - 1] != '\n') return;
    finish(number, client.first == 'c' ? Outcome::con_lost : Outcome::answered, ask_again);
  }

  void finish(std::size_t number, Outcome outcome, bool ask_again) {
    Client& client = clients_[number];
    const auto now = Clock::now();
    if (outcome == Outcome::broken) {
      ++tally_.broken;
    } else if (outcome == Outcome::con_lost) {
      ++tally_.con_lost;
      // Delays of this program itself must not count here: the question is how soon lonc refuses.
      tally_.con_lost_times.add(now - client.connected);
    } else {
      ++tally_.answered;
      tally_.times.add(now - client.begun);
    }
    client.is_asking = false;
    if (plan_.keep == 0 || outcome == Outcome::broken) client.socket.reset();
    if (ask_again) {
      begin(number, now);
    } else {
      free_.push_back(number);
    }
  }

  void give_up(std::size_t number) {
    ++tally_.not_begun;
    free_.push_back(number);
  }

  void print() const {
    const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
    std::printf(
        "{\"answered\": %llu, \"con_lost\": %llu, \"broken\": %llu, \"not_begun\": %llu, \"seconds\": %.6f, "
        "\"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f, \"con_lost_p99\": %.1f}\n",
        static_cast<unsigned long long>(tally_.answered), static_cast<unsigned long long>(tally_.con_lost),
        static_cast<unsigned long long>(tally_.broken), static_cast<unsigned long long>(tally_.not_begun), seconds,
        tally_.times.quantile(0.5), tally_.times.quantile(0.99), tally_.times.quantile(0.999), tally_.times.quantile(1),
        tally_.con_lost_times.quantile(0.99));
  }

  Plan plan_;
  Socket epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  std::vector<Client> clients_;
  std::vector<std::size_t> free_;
  std::vector<std::size_t> retry_;  // the backlog was full
  std::string line_;
  Tally tally_;
  Clock::time_point started_{};
  Clock::time_point end_{};
  std::array<char, 64 * 1024> buffer_{};
};

Plan plan_from(int argc, char* argv[]) {
  Plan plan;
  const Options options(argc, argv);
  options.get("socket", plan.unix_path);
  options.get("address", plan.address);
  options.get("port", plan.port);
  options.get("clients", plan.clients);
  options.get("keep", plan.keep);
  options.get("requests", plan.requests);
  plan.seconds = static_cast<double>(options.number("milliseconds", 0)) / 1000;
  plan.rate = static_cast<double>(options.number("rate", 0));
  options.get("line-bytes", plan.line_bytes);
  options.get("begin", plan.begin);
  options.get("only-connect", plan.only_connect);
  return plan;
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    allow_many_descriptors();
    auto load = std::make_unique<Load>(plan_from(argc, argv));
    load->run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-load: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
