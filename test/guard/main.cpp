// lonc-guard SHAPE ROUNDS: drives one PeerSession in lockstep, so that the cost of a request is the same in each run:
// all clients have sent their line before the loop runs, and all answers have arrived before it runs again. Prints the
// counts of the time in which the loop ran; valgrind counts the instructions, only in guard_measured_turns.
#include "guard/counters.hpp"
#include "net/session_support.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using lonc::core::CommandSet;
using lonc::guard::counters;
using lonc::os::UniqueFd;
using lonc::test::SessionFixture;

namespace {

constexpr std::size_t clients_at_once = 64;
constexpr int warm_up_rounds = 20;

void turn(boost::asio::io_context& io) {
  std::ignore = std::chrono::steady_clock::now();  // the time at which the clock stands still while counting
  counters.is_counting = true;
  do {
    io.restart();
  } while (io.poll() != 0);
  counters.is_counting = false;
}

void step(boost::asio::io_context& io) {
  std::ignore = std::chrono::steady_clock::now();
  counters.is_counting = true;
  io.restart();
  io.poll_one();
  counters.is_counting = false;
}

}  // namespace

// Separate functions, so that valgrind can distinguish the warm-up from the measurement.
__attribute__((noinline)) void guard_measured_turns(boost::asio::io_context& io) { turn(io); }
__attribute__((noinline)) void guard_measured_step(boost::asio::io_context& io) { step(io); }
__attribute__((noinline)) void guard_warm_up_turns(boost::asio::io_context& io) {
  turn(io);
  std::fflush(stdout);  // prevents identical code folding of the two functions
}
__attribute__((noinline)) void guard_warm_up_step(boost::asio::io_context& io) {
  step(io);
  std::fflush(stdout);
}

namespace {

class Guard {
 public:
  Guard(bool is_kept, std::size_t line_bytes, std::string_view begin) : is_kept_(is_kept) {
    fixture_.config.engine.pipeline_depth = clients_at_once;
    fixture_.config.engine.pipeline_safe = *CommandSet::parse("get");
    fixture_.start();
    if (!fixture_.is_up()) throw std::runtime_error("the session did not come up");
    line_ = begin;
    line_.append(line_bytes - line_.size() - 1, 'k').append("\n");
    clients_.resize(clients_at_once);
  }

  void run(int rounds) {
    counters.is_clock_even = true;
    for (int round = 0; round != warm_up_rounds; ++round) exchange(guard_warm_up_turns, guard_warm_up_step);
    counters = {.is_clock_even = true};
    for (int round = 0; round != rounds; ++round) exchange(guard_measured_turns, guard_measured_step);
    const double requests = static_cast<double>(rounds) * clients_at_once;
    std::printf("{\"requests\": %.0f, \"system_calls\": %.4f, \"heap_calls\": %.4f}\n", requests,
                static_cast<double>(counters.system_calls) / requests,
                static_cast<double>(counters.heap_calls) / requests);
  }

 private:
  using Turns = void (*)(boost::asio::io_context&);

  // `turns` runs the loop until nothing is ready, `steps` runs one handler: so a client that closes after its answer
  // has closed before lonc checks it again.
  void exchange(Turns turns, Turns steps) {
    for (UniqueFd& client : clients_) ask(client);
    std::size_t answered = 0;
    while (answered != clients_at_once) {
      turns(fixture_.io);
      answered += answer_all();
    }
    std::size_t left = clients_at_once;
    while (left != 0) {
      (is_kept_ ? turns : steps)(fixture_.io);
      for (UniqueFd& client : clients_) left -= take_answer(client);
    }
    has_answer_.clear();
    turns(fixture_.io);
  }

  void ask(UniqueFd& client) {
    if (!client) client = lonc::test::connect_local(fixture_.config.socket_path).first;
    if (!client || ::write(client.get(), line_.data(), line_.size()) != static_cast<ssize_t>(line_.size()))
      throw std::runtime_error("a client could not ask");
  }

  // lond's side: answers each received line. Returns how many of them were requests.
  std::size_t answer_all() {
    ssize_t got = 0;
    while ((got = ::recv(fixture_.peer().wire.fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT)) > 0)
      received_.append(buffer_.data(), static_cast<std::size_t>(got));
    std::size_t requests = 0;
    std::size_t begin = 0;
    std::string answers;
    for (std::size_t end = 0; (end = received_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const bool is_fence = std::string_view(received_).substr(begin, end - begin) == "ping";
      answers += is_fence ? "msul1\n" : "END\r\n";
      requests += is_fence ? 0 : 1U;
    }
    received_.erase(0, begin);
    if (!answers.empty()) fixture_.peer().wire.send(answers);
    return requests;
  }

  // 1 if its answer has arrived with this call.
  std::size_t take_answer(UniqueFd& client) {
    const auto number = static_cast<std::size_t>(&client - clients_.data());
    has_answer_.resize(clients_at_once);
    if (has_answer_[number]) return 0;
    const ssize_t got = ::recv(client.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got <= 0) return 0;
    if (std::string_view(buffer_.data(), static_cast<std::size_t>(got)) != "END\r\n")
      throw std::runtime_error("a wrong answer");
    has_answer_[number] = true;
    if (!is_kept_) client.reset();
    return 1;
  }

  bool is_kept_;
  SessionFixture fixture_;
  std::string line_;
  std::string received_;
  std::vector<UniqueFd> clients_;
  std::vector<bool> has_answer_;
  std::array<char, 64 * 1024> buffer_{};
};

}  // namespace

int main(int argc, char* argv[]) {
  try {
    if (argc != 4) throw std::runtime_error("usage: lonc-guard kept|each BYTES ROUNDS");
    Guard guard(std::string_view(argv[1]) == "kept", std::stoul(argv[2]), "get:");
    guard.run(std::stoi(argv[3]));
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lonc-guard: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
