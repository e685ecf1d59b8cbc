// chaos-load: clients of all habits, and the judge of their answers. The driver reports on standard input what it does
// to lonc: `down` (before lonc is ended), `up`, `pause`, `go`, `moving HOST`, `settled HOST`, `stop`. Prints the
// faults, then one line of JSON; exits with 1 if the judge found a fault.
#include "bench/options.hpp"
#include "chaos/client.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace lonc::chaos;
using namespace std::chrono_literals;
using lonc::bench::Clock;

constexpr std::uint64_t standard_input = ~std::uint64_t{0};

class Load {
 public:
  explicit Load(const lonc::bench::Options& options) {
    std::uint64_t seed = 1;
    unsigned clients = 64;
    options.get("sockets", field_.directory);
    options.get("peers", field_.peers);
    options.get("requests", field_.enough);
    options.get("seed", seed);
    options.get("clients", clients);
    field_.dialect.is_memcache = options.number("memcache", 0) != 0;
    field_.dialect.encrypts = options.number("encrypts", 1) != 0;
    field_.dialect.closes_on_demand = options.number("workers", 1) != 0;
    options.get("longest", field_.dialect.longest);
    field_.limit = std::chrono::milliseconds(options.number("limit-ms", field_.limit.count()));
    field_.epoll = epoll_.get();
    for (unsigned i = 0; i != clients; ++i)
      clients_.push_back(std::make_unique<Client>(field_, i, seed * 1'000'003 + i));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = standard_input;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, STDIN_FILENO, &event);
  }

  int run() {
    std::array<epoll_event, 128> events{};
    auto next_look = Clock::now();
    auto next_report = next_look;
    while (!is_over()) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 1);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.u64 == standard_input) {
          read_commands();
        } else {
          clients_[event.data.u64]->serve(event.events);
        }
      }
      const auto now = Clock::now();
      if (now < next_look) continue;
      next_look = now + 1ms;
      for (const auto& client : clients_) client->look(now);
      if (now < next_report) continue;
      next_report = now + 1s;
      print();
    }
    for (const std::string& complaint : field_.judge.complaints()) std::fprintf(stderr, "%s\n", complaint.c_str());
    print();
    return field_.judge.is_content() ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  bool is_over() const {
    return field_.asked >= field_.enough &&
           std::ranges::all_of(clients_, [](const auto& client) { return client->is_idle(); });
  }

  void read_commands() {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got <= 0) throw std::runtime_error("the driver is gone");
    commands_.append(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = commands_.find('\n')) != std::string::npos; commands_.erase(0, end + 1))
      command(commands_.substr(0, end));
  }

  void command(const std::string& line) {
    const std::string word = line.substr(0, line.find(' '));
    const std::string rest = line.size() > word.size() ? line.substr(word.size() + 1) : "";
    if (word == "down") {
      field_.is_lonc_down = true;
      ++field_.lives;
    } else if (word == "up") {
      field_.is_lonc_down = false;
    } else if (word == "pause" || word == "go") {
      field_.is_paused = word == "pause";
    } else if (word == "moving") {
      field_.moving.insert(rest);
    } else if (word == "settled") {
      field_.moving.erase(rest);
    } else if (word == "stop") {
      field_.enough = field_.asked;
    }
    std::printf("done %s\n", line.c_str());  // the driver waits for it
    std::fflush(stdout);
  }

  void print() const {
    const auto count = [&](Verdict verdict) { return static_cast<unsigned long long>(field_.judge.count(verdict)); };
    const unsigned long long asked = field_.asked;
    std::printf(
        "{\"requests\": %llu, \"right\": %llu, \"con_lost\": %llu, \"crossed\": %llu, \"doubled\": %llu, "
        "\"lost\": %llu, \"hung\": %llu, \"late\": %llu, \"excused\": %llu}\n",
        asked, count(Verdict::right), count(Verdict::con_lost), count(Verdict::crossed), count(Verdict::doubled),
        count(Verdict::lost), count(Verdict::hung), static_cast<unsigned long long>(field_.judge.late()),
        count(Verdict::excused));
    std::fflush(stdout);
  }

  lonc::bench::Socket epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  Field field_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::string commands_;
};

}  // namespace

int main(int argc, char* argv[]) {
  try {
    return Load(lonc::bench::Options(argc, argv)).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chaos-load: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
