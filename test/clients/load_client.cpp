// lonc-load: many local clients at once on the sockets of a lonc. Each request contains a unique token. An answer that
// belongs to another request must never occur: if it does, the program exits with 1.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/program_options.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace options = boost::program_options;

namespace {

using Clock = std::chrono::steady_clock;
using Local = asio::local::stream_protocol;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds pause_without_socket{1};

struct Plan {
  std::vector<std::string> sockets;  // client n uses socket n modulo their number
  unsigned clients = 1;
  std::uint64_t requests = 0;  // of all clients together; 0: until the time is up
  double seconds = 0;  // 0: until the requests are done
  std::uint64_t per_connection = 1;
  double rate = 0;  // requests a second of all clients together; 0: as fast as answers come
  bool encrypt = false;
};

struct Tally {
  std::uint64_t ok = 0;
  std::uint64_t con_lost = 0;
  std::uint64_t error = 0;  // answers that begin with error:
  std::uint64_t closed = 0;  // end of file instead of an answer
  std::uint64_t no_connect = 0;  // the socket was missing or refused
  std::uint64_t wrong = 0;
  std::vector<std::uint32_t> microseconds;  // of ok and con_lost
  std::string first_wrong;
};

class Client {
 public:
  Client(asio::io_context& io, const Plan& plan, unsigned number, std::uint64_t& left, Tally& tally)
      : plan_(plan), number_(number), left_(left), tally_(tally), socket_(io), timer_(io) {}

  // `end` may be brought forward while this runs.
  asio::awaitable<void> run(const Clock::time_point& end) {
    const auto pace = std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(plan_.rate > 0 ? plan_.clients / plan_.rate : 0));
    // The starts of the clients are spread over one interval, so that the rate is even.
    auto next = Clock::now() + pace * number_ / plan_.clients;
    while (left_ > 0 && Clock::now() < end) {
      if (plan_.rate > 0) {
        co_await wait_until(std::exchange(next, next + pace));
        if (Clock::now() >= end) break;
      }
      --left_;
      if (co_await connected()) co_await ask();
    }
  }

 private:
  asio::awaitable<void> wait_until(Clock::time_point time) {
    timer_.expires_at(time);
    co_await timer_.async_wait(as_result);
  }

  asio::awaitable<bool> connected() {
    if (socket_.is_open() && asked_ < plan_.per_connection) co_return true;
    disconnect();
    const Local::endpoint endpoint(plan_.sockets[number_ % plan_.sockets.size()]);
    const auto [error] = co_await socket_.async_connect(endpoint, as_result);
    if (!error) co_return true;
    not_asked();
    co_await wait_until(Clock::now() + pause_without_socket);
    co_return false;
  }

  asio::awaitable<void> ask() {
    const std::string token =
        std::to_string(::getpid()) + "-" + std::to_string(number_) + "-" + std::to_string(++asked_all_);
    const std::string line = (plan_.encrypt ? "encrypt:echo:" : "echo:") + token + "\n";
    const auto start = Clock::now();
    ++asked_;
    // Asio treats a full backlog as a connect in progress; that becomes visible only here.
    const auto [unsent, sent] = co_await asio::async_write(socket_, asio::buffer(line), as_result);
    if (unsent == asio::error::not_connected) co_return not_asked();
    const auto [error, size] = co_await asio::async_read_until(socket_, asio::dynamic_buffer(in_), '\n', as_result);
    if (error) {
      ++tally_.closed;
      co_return disconnect();
    }
    judge(std::string_view(in_).substr(0, size - 1), token, Clock::now() - start);
    in_.erase(0, size);
  }

  void judge(std::string_view answer, const std::string& token, Clock::duration took) {
    if (answer == token) {
      ++tally_.ok;
    } else if (answer == "con_lost") {
      ++tally_.con_lost;
    } else if (answer.starts_with("error:")) {
      ++tally_.error;
    } else {
      if (tally_.wrong++ == 0) tally_.first_wrong = token + " was answered " + std::string(answer);
      return;
    }
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    tally_.microseconds.push_back(static_cast<std::uint32_t>(microseconds));
  }

  // An attempt without a socket is not a request: it is only counted.
  void not_asked() {
    ++tally_.no_connect;
    ++left_;
    disconnect();
  }

  void disconnect() {
    boost::system::error_code ignored;
    socket_.close(ignored);
    in_.clear();
    asked_ = 0;
  }

  const Plan& plan_;
  unsigned number_;
  std::uint64_t& left_;
  Tally& tally_;
  Local::socket socket_;
  asio::steady_timer timer_;
  std::string in_;
  std::uint64_t asked_ = 0;  // on this connection
  std::uint64_t asked_all_ = 0;  // by this client
};

Tally carry_out(const Plan& plan) {
  asio::io_context io(1);
  Tally tally;
  std::uint64_t left = plan.requests != 0 ? plan.requests : UINT64_MAX;
  const auto duration = std::chrono::duration<double>(plan.seconds);
  auto end = plan.seconds > 0 ? Clock::now() + std::chrono::duration_cast<Clock::duration>(duration)
                              : Clock::time_point::max();
  // On SIGTERM it ends early and prints its results so far.
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&end](boost::system::error_code error, int) {
    if (!error) end = Clock::now();
  });
  unsigned running = plan.clients;
  std::vector<std::unique_ptr<Client>> clients;
  for (unsigned number = 0; number < plan.clients; ++number) {
    clients.push_back(std::make_unique<Client>(io, plan, number, left, tally));
    asio::co_spawn(io, clients.back()->run(end), [&](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
      if (--running == 0) signals.cancel();
    });
  }
  io.run();
  return tally;
}

std::uint32_t percentile(const std::vector<std::uint32_t>& sorted, double part) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

void print(Tally& tally) {
  std::sort(tally.microseconds.begin(), tally.microseconds.end());
  const auto& times = tally.microseconds;
  std::cout << "ok " << tally.ok << " con_lost " << tally.con_lost << " error " << tally.error << " closed "
            << tally.closed << " no_connect " << tally.no_connect << " wrong " << tally.wrong << " p50 "
            << percentile(times, 0.50) << " us p99 " << percentile(times, 0.99) << " us max " << percentile(times, 1)
            << " us" << std::endl;
  if (tally.wrong != 0) std::cerr << "first wrong answer: " << tally.first_wrong << '\n';
}

Plan plan_from(int argc, char* argv[]) {
  Plan plan;
  options::options_description description("lonc-load: asks a lonc many things at once");
  auto add = description.add_options();
  add("socket", options::value(&plan.sockets)->required(), "a socket of lonc; repeatable");
  add("clients", options::value(&plan.clients), "clients at once");
  add("requests", options::value(&plan.requests), "requests of all clients together");
  add("seconds", options::value(&plan.seconds), "or as many as there is time for");
  add("per-connection", options::value(&plan.per_connection), "requests before a client connects anew");
  add("rate", options::value(&plan.rate), "requests a second of all clients together");
  add("encrypt", options::bool_switch(&plan.encrypt), "ask with encrypt:");
  options::variables_map given;
  options::store(options::parse_command_line(argc, argv, description), given);
  options::notify(given);
  if (plan.clients == 0 || plan.per_connection == 0)
    throw std::invalid_argument("--clients and --per-connection: at least 1");
  if (plan.requests == 0 && plan.seconds <= 0) throw std::invalid_argument("--requests or --seconds is missing");
  return plan;
}

void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    allow_many_descriptors();
    Tally tally = carry_out(plan_from(argc, argv));
    print(tally);
    return tally.wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::cerr << "lonc-load: " << error.what() << '\n';
    return 2;
  }
}
