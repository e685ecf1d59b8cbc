#include "sim/seeds.hpp"

#include "sim/spool_run.hpp"
#include "sim/world.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace lonc::sim {

namespace {

constexpr unsigned longest_seed = 120;  // seconds of real time: it hangs
constexpr unsigned longest_days = 900;
constexpr std::size_t most_attempts = 400;  // to make a failure smaller

// What a world left: NAME COUNT lines, then perhaps a violation.
struct Outcome {
  std::map<std::string, std::uint64_t> counters;
  std::string violation;
};

class Child {
 public:
  Child(const Script& script, const Mode& mode) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    static unsigned children = 0;
    const char* const memory = "/dev/shm";
    const std::string root = std::filesystem::exists(memory) ? memory : std::filesystem::temp_directory_path().string();
    directory_ = root + "/lonc-sim-" + std::to_string(::getpid()) + "-" + std::to_string(++children);
    std::fflush(stdout);
    pid_ = ::fork();
    if (pid_ == 0) live(script, mode, ends[1]);
    ::close(ends[1]);
    fd_ = ends[0];
  }
  int fd() const { return fd_; }
  // False at the end.
  bool read_more() {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
    if (got > 0) text_.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0;
  }
  Outcome end() {
    ::close(fd_);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    std::filesystem::remove_all(directory_);
    Outcome outcome;
    std::istringstream lines(text_);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t tab = line.find('\t');
      if (tab == std::string::npos) {
        outcome.violation = line;
      } else {
        outcome.counters[line.substr(0, tab)] = std::strtoull(line.c_str() + tab, nullptr, 10);
      }
    }
    if (outcome.violation.empty() && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
      outcome.violation = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM
                              ? std::string("hangs: the seed does not end")
                              : "crash: status " + std::to_string(status);
    return outcome;
  }

 private:
  [[noreturn]] void live(const Script& script, const Mode& mode, int report) const {
    ::alarm(mode.days == 0 ? longest_seed : longest_days);
    World& world = World::get();
    const auto leave = [&](const std::string& violation) {
      std::string text;
      for (const auto& [name, count] : world.counters()) text += name + "\t" + std::to_string(count) + "\n";
      if (!violation.empty()) text += violation + "\n";
      std::fflush(stdout);
      const ssize_t written = ::write(report, text.data(), text.size());
      std::_Exit(written == static_cast<ssize_t>(text.size()) && violation.empty() ? 0 : 1);
    };
    world.on_violation = leave;
    try {
      std::filesystem::create_directories(directory_);
      std::filesystem::current_path(directory_);  // no trace names it
      if (mode.is_spool) {
        run_spool(script.seed, mode.is_tracing);
      } else {
        run_script(script, ".", mode);
      }
    } catch (const std::exception& error) {
      leave(std::string("exception: ") + error.what());
    }
    leave("");
    std::abort();
  }

  std::string directory_;
  std::string text_;
  pid_t pid_ = -1;
  int fd_ = -1;
};

Outcome run_one(const Script& script, const Mode& mode) {
  Child child(script, mode);
  while (child.read_more()) {
  }
  return child.end();
}

std::string kind_of(const std::string& violation) { return violation.substr(0, violation.find(':')); }

// Leaves out ever smaller parts of the script for as long as it fails in the same way.
Script shrink(Script script, const std::string& violation) {
  const std::string kind = kind_of(violation);
  std::size_t attempts = 0;
  for (std::size_t part = (script.entries.size() + 1) / 2; part != 0; part = part == 1 ? 0 : (part + 1) / 2) {
    for (std::size_t from = 0; from < script.entries.size() && attempts != most_attempts;) {
      Script smaller = script;
      const auto begin = smaller.entries.begin() + static_cast<std::ptrdiff_t>(from);
      smaller.entries.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(part, smaller.entries.size() - from)));
      ++attempts;
      if (kind_of(run_one(smaller, {}).violation) == kind) {
        script = std::move(smaller);
      } else {
        from += part;
      }
    }
  }
  return script;
}

void show_failure(const Script& script, const Outcome& outcome, bool is_spool) {
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(script.seed), outcome.violation.c_str());
  if (script.is_long) return;  // to repeat it so often takes too long
  const Script small = shrink(script, outcome.violation);
  if (!is_spool) std::printf("the same with %zu of its %zu entries:\n", small.entries.size(), script.entries.size());
  run_one(small, {.is_tracing = true, .is_spool = is_spool});
}

struct Totals {
  std::map<std::string, std::uint64_t> counters;
  std::uint64_t seeds = 0;
  std::uint64_t violations = 0;

  void add(const Outcome& outcome) {
    ++seeds;
    for (const auto& [name, count] : outcome.counters) counters[name] += count;
    violations += outcome.violation.empty() ? 0U : 1U;
  }
};

// What many seeds must have shown; otherwise they prove nothing.
constexpr std::array must_happen{"right",
                                 "con_lost",
                                 "batched",
                                 "encrypted",
                                 "handshakes",
                                 "excused",
                                 "close_exit",
                                 "delayed",
                                 "delayed_doubled",
                                 "fault_omit",
                                 "fault_omit_fence",
                                 "fault_twice",
                                 "fault_fence_twice",
                                 "fault_copy_later",
                                 "fault_unasked",
                                 "fault_empty",
                                 "fault_garbled",
                                 "fault_half",
                                 "fault_half_reset",
                                 "fault_late",
                                 "fault_mute",
                                 "fences_omitted",
                                 "idle_bytes",
                                 "mute_connections",
                                 "refused",
                                 "handshake_refused",
                                 "handshake_garbage",
                                 "state_down",
                                 "state_dead",
                                 "state_slow_connect",
                                 "state_silent",
                                 "state_trickling",
                                 "state_frozen",
                                 "state_slow",
                                 "restart",
                                 "resets",
                                 "closes",
                                 "usr1",
                                 "pauses",
                                 "applies",
                                 "moves",
                                 "restarts",
                                 "kills",
                                 "kills_at_a_step",
                                 "disk_errors",
                                 "half_messages",
                                 "half_closed",
                                 "impatient",
                                 "short_writes",
                                 "set_aside"};
constexpr std::array must_happen_to_spool{"delayed",     "delayed_doubled", "set_aside",
                                          "disk_errors", "kills",           "power_losses"};
constexpr std::uint64_t many = 300;  // seeds

bool show_totals(const Totals& totals, std::span<const char* const> wanted) {
  const auto of = [&](const char* name) {
    const auto found = totals.counters.find(name);
    return static_cast<unsigned long long>(found == totals.counters.end() ? 0 : found->second);
  };
  for (const auto& [name, count] : totals.counters)
    std::printf("%-20s %12llu\n", name.c_str(), static_cast<unsigned long long>(count));
  bool is_complete = true;
  for (const char* const name : wanted) {
    if (totals.seeds < many || of(name) != 0) continue;
    std::printf("never happened: %s\n", name);
    is_complete = false;
  }
  std::printf("%llu seeds, %llu steps, %llu s simulated, %llu requests, %llu violations\n",
              static_cast<unsigned long long>(totals.seeds), of("steps"), of("seconds"), of("requests"),
              static_cast<unsigned long long>(totals.violations));
  return is_complete;
}

// Addresses decide the order of some containers.
void fix_addresses() {
  const int now = ::personality(0xffffffff);
  if (now < 0 || (now & ADDR_NO_RANDOMIZE) != 0) return;
  if (::personality(static_cast<unsigned long>(now) | ADDR_NO_RANDOMIZE) < 0) return;
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv("/proc/self/exe", arguments.data());
}

}  // namespace

int run_seeds(const Options& options) {
  fix_addresses();
  const std::size_t jobs = options.mode.is_tracing ? 1
                           : options.jobs != 0     ? options.jobs
                                                   : std::max(1U, std::thread::hardware_concurrency());
  Totals totals;
  struct Running {
    Script script;
    std::unique_ptr<Child> child;
  };
  std::vector<Running> running;
  std::uint64_t next = options.first;
  const std::uint64_t end = options.first + options.seeds;
  constexpr std::uint64_t enough = 3;  // failures
  while ((next != end && totals.violations < enough) || !running.empty()) {
    while (running.size() < jobs && next != end && totals.violations < enough) {
      Script script = options.mode.is_spool    ? Script{.seed = next}
                      : options.mode.days != 0 ? draw_days(next, options.mode.days)
                                               : draw_script(next);
      ++next;
      auto child = std::make_unique<Child>(script, options.mode);
      running.push_back({std::move(script), std::move(child)});
    }
    std::vector<pollfd> waiting;
    for (const Running& one : running) waiting.push_back({one.child->fd(), POLLIN, 0});
    ::poll(waiting.data(), waiting.size(), -1);
    for (std::size_t at = waiting.size(); at != 0; --at) {
      Running& one = running[at - 1];
      if (waiting[at - 1].revents == 0 || one.child->read_more()) continue;
      const Outcome outcome = one.child->end();
      totals.add(outcome);
      if (!outcome.violation.empty() && !options.mode.is_tracing)
        show_failure(one.script, outcome, options.mode.is_spool);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(at - 1));
    }
  }
  const bool is_complete =
      options.mode.is_spool ? show_totals(totals, must_happen_to_spool) : show_totals(totals, must_happen);
  return totals.violations == 0 && is_complete ? 0 : 1;
}

}  // namespace lonc::sim
