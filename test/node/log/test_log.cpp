#include "support/catch.hpp"
#include "support/journal_reader.hpp"
#include "support/process_help.hpp"
#include "support/temp_dir.hpp"

#include <lonc/node/config/settings.hpp>
#include <lonc/node/log/log.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

using lonc::core::Severity;
using lonc::net::LogContext;
using lonc::node::Log;
using lonc::node::LogOptions;
using lonc::node::LogTarget;
using namespace lonc::test;
using namespace std::chrono_literals;

namespace {

const LogContext parent{"PARENT", "Running", std::chrono::system_clock::from_time_t(1015559700)};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The text after "[STATUS]: ".
std::vector<std::string> messages_of(const std::string& text) {
  std::vector<std::string> messages;
  for (const std::string& line : lines_of(text)) {
    const auto end = line.find("]: ");
    messages.push_back(end == std::string::npos ? "? " + line : line.substr(end + 3));
  }
  return messages;
}

using Messages = std::vector<std::string>;

// A standard error that blocks its writer until it is read, like a disk that hangs: all targets of a log are written
// by the same thread.
class StuckPlace {
 public:
  explicit StuckPlace(const TempDir& dir) : path_(dir / "full") {
    REQUIRE(::mkfifo(path_.c_str(), 0600) == 0);
    fd_ = ::open(path_.c_str(), O_RDWR | O_NONBLOCK);
    while (::write(fd_, "x", 1) == 1) {
    }
    redirected_.emplace(path_);
  }
  ~StuckPlace() { ::close(fd_); }
  StuckPlace(const StuckPlace&) = delete;
  StuckPlace& operator=(const StuckPlace&) = delete;

  // Reads all lines up to the one that contains `last`.
  std::string read_until(const std::string& last) {
    std::string text;
    wait_until([&] {
      char buffer[65536];
      const ssize_t count = ::read(fd_, buffer, sizeof buffer);
      if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
      const auto at = text.find(last);
      return at != std::string::npos && text.find('\n', at) != std::string::npos;
    });
    return text.substr(text.find_first_not_of('x'));
  }

 private:
  std::string path_;
  int fd_ = -1;
  std::optional<StandardErrorTo> redirected_;
};

}  // namespace

TEST_CASE("the lines of all threads are written completely and in the order of each thread") {
  const TempDir dir;
  {
    Log log{{dir / "lonc.log", LogTarget::file, Severity::routine, 8192}};
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&log, thread] {
        for (int i = 0; i < 500; ++i) {
          log.write(Severity::routine, parent, std::to_string(thread) + ":" + std::to_string(i));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(log.flush(20s));
    CHECK(log.dropped_lines() == 0);
  }
  const auto messages = messages_of(read_file(dir / "lonc.log"));
  CHECK(messages.size() == 2000);
  for (int thread = 0; thread < 4; ++thread) {
    Messages own;
    Messages expected;
    for (int i = 0; i < 500; ++i) expected.push_back(std::to_string(thread) + ":" + std::to_string(i));
    std::copy_if(messages.begin(), messages.end(), std::back_inserter(own),
                 [&](const std::string& message) { return message[0] == static_cast<char>('0' + thread); });
    CHECK(own == expected);
  }
}

TEST_CASE("a line contains time, pid, sender and its state") {
  const TempDir dir;
  {
    Log log{{dir / "lonc.log", LogTarget::file, Severity::routine, 100}};
    log.write(Severity::warning, {"msul1", "Away", parent.status_since}, "gone");
  }
  const std::string time = "[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]\\d \\d\\d:\\d\\d:\\d\\d \\d{4}";
  const std::regex shape{time + " \\(" + std::to_string(::getpid()) + "\\) \\[msul1\\] \\[" + time +
                         ": Away\\]: WARNING: gone\n"};
  CHECK(std::regex_match(read_file(dir / "lonc.log"), shape));
}

TEST_CASE("the level can be changed while lines are written") {
  const TempDir dir;
  Log log{{dir / "lonc.log", LogTarget::file, Severity::warning, 100}};
  log.write(Severity::info, parent, "left out");
  log.write(Severity::warning, parent, "first");
  log.set_level(Severity::debug);
  CHECK(log.level() == Severity::debug);
  log.write(Severity::debug, parent, "second");
  log.set_level(Severity::critical);
  log.write(Severity::warning, parent, "left out");
  REQUIRE(log.close(20s));
  CHECK(messages_of(read_file(dir / "lonc.log")) == Messages{"WARNING: first", "second"});
}

TEST_CASE("lines after the end are ignored") {
  const TempDir dir;
  Log log{{dir / "lonc.log", LogTarget::file, Severity::routine, 100}};
  log.write(Severity::routine, parent, "first");
  REQUIRE(log.close(20s));
  log.write(Severity::routine, parent, "late");
  CHECK(log.flush(20s));
  CHECK(log.close(20s));
  CHECK(messages_of(read_file(dir / "lonc.log")) == Messages{"first"});
}

TEST_CASE("a disk that fails costs lines, which are counted once it works again") {
  const TempDir dir;
  const StandardErrorTo redirected{dir / "stderr"};
  Log log{{dir / "logs/lonc.log", LogTarget::file, Severity::routine, 100}};
  for (int i = 0; i < 3; ++i) log.write(Severity::routine, parent, "lost");
  REQUIRE(log.flush(20s));
  std::filesystem::create_directory(dir / "logs");
  std::filesystem::create_symlink("/dev/full", dir / "logs/lonc.log");
  for (int i = 0; i < 2; ++i) log.write(Severity::routine, parent, "lost, too");
  REQUIRE(log.flush(20s));
  CHECK(log.trouble() == "cannot write the log " + (dir / "logs/lonc.log") + ": No space left on device");
  std::filesystem::remove(dir / "logs/lonc.log");
  log.write(Severity::routine, parent, "kept");
  log.write(Severity::routine, parent, "and again");
  REQUIRE(log.close(20s));
  CHECK(log.trouble().empty());

  const auto messages = messages_of(read_file(dir / "logs/lonc.log"));
  REQUIRE(messages.size() == 3);
  const std::regex note{"WARNING: 5 log lines were lost since \\w{3} \\w{3} [ \\d]\\d [\\d:]{8} \\d{4}: " +
                        (dir / "logs/lonc.log") + ": No space left on device"};
  CHECK(std::regex_match(messages[0], note));
  CHECK(messages[1] == "kept");
  CHECK(messages[2] == "and again");

  // Two causes, each reported once.
  const auto complaints = lines_of(read_file(dir / "stderr"));
  REQUIRE(complaints.size() == 2);
  CHECK(complaints[0].find("No such file or directory") != std::string::npos);
  CHECK(complaints[1].find("No space left on device") != std::string::npos);
}

TEST_CASE("a full queue drops the oldest lines, does not block and is reported in the log") {
  const TempDir dir;
  StuckPlace place{dir};
  Log log{{dir / "lonc.log", LogTarget::standard_error, Severity::routine, 10}};
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) log.write(Severity::routine, parent, "line " + std::to_string(i));
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  CHECK(log.dropped_lines() >= 985);
  CHECK_FALSE(log.flush(50ms));

  const std::string text = place.read_until("line 999");
  const auto messages = messages_of(text);
  const std::regex note{"WARNING: (\\d+) log lines were dropped: more was logged .*"};
  std::uint64_t told = 0;
  std::uint64_t written = 0;
  for (const std::string& message : messages) {
    std::smatch match;
    if (std::regex_match(message, match, note)) {
      told += std::stoul(match[1]);
    } else {
      CHECK(message.starts_with("line "));
      ++written;
    }
  }
  CHECK(told == log.dropped_lines());
  CHECK(told + written == 1000);
  CHECK(messages.back() == "line 999");
}

TEST_CASE("a stuck disk does not block the end") {
  const TempDir dir;
  StuckPlace place{dir};
  const auto begin = std::chrono::steady_clock::now();
  {
    Log log{{dir / "lonc.log", LogTarget::standard_error, Severity::routine, 10}};
    for (int i = 0; i < 100; ++i) log.write(Severity::routine, parent, "stuck");
    CHECK_FALSE(log.close(100ms));
  }
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  place.read_until("stuck");  // releases the thread before the test program ends
}

TEST_CASE("a queue of length zero still accepts one line") {
  const TempDir dir;
  {
    Log log{{dir / "lonc.log", LogTarget::file, Severity::routine, 0}};
    log.write(Severity::routine, parent, "only");
    CHECK(log.flush(20s));
  }
  CHECK(messages_of(read_file(dir / "lonc.log")) == Messages{"only"});
}

TEST_CASE("the log is written to stderr if requested") {
  const TempDir dir;
  const bool also_file = GENERATE(false, true);
  {
    const StandardErrorTo redirected{dir / "stderr"};
    Log log{{dir / "lonc.log", also_file ? LogTarget::both : LogTarget::standard_error, Severity::routine, 100}};
    log.write(Severity::routine, parent, "said");
    REQUIRE(log.close(20s));
  }
  CHECK(messages_of(read_file(dir / "stderr")) == Messages{"said"});
  CHECK(messages_of(read_file(dir / "lonc.log")) == (also_file ? Messages{"said"} : Messages{}));
}

TEST_CASE("by default the log is written to the file, not to standard error") {
  const TempDir dir;
  ::unsetenv("JOURNAL_STREAM");
  {
    const StandardErrorTo redirected{dir / "stderr"};
    LogOptions options;
    options.path = dir / "lonc.log";
    Log log{options};
    log.write(Severity::routine, parent, "said");
    REQUIRE(log.close(20s));
  }
  CHECK(read_file(dir / "stderr").empty());
  CHECK(messages_of(read_file(dir / "lonc.log")) == Messages{"said"});
}

TEST_CASE("a journal that hangs does not block the file, and later receives the number of lines it missed") {
  const TempDir dir;
  const JournalReader journal;
  struct stat info{};
  REQUIRE(::fstat(STDERR_FILENO, &info) == 0);
  ::setenv("JOURNAL_STREAM", (std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino)).c_str(), 1);
  constexpr int lines = 2000;
  LogOptions options;
  options.path = dir / "lonc.log";
  options.journal = journal.path();
  std::vector<std::string> heard;
  {
    Log log{options};
    for (int i = 0; i != lines; ++i) log.write(Severity::routine, parent, "said");
    REQUIRE(log.flush(20s));
    heard = journal.read();
    log.write(Severity::routine, parent, "last");
    REQUIRE(log.close(20s));
  }
  ::unsetenv("JOURNAL_STREAM");
  const Messages messages = messages_of(read_file(dir / "lonc.log"));
  CHECK(std::ranges::count(messages, "said") == lines);
  CHECK(messages.back() == "last");
  CHECK(std::ranges::count_if(messages, [](const auto& text) { return text.find("The journal") != text.npos; }) == 1);
  const auto lost = lines - static_cast<int>(heard.size());
  REQUIRE(lost > 0);
  const std::vector<std::string> later = journal.read();
  REQUIRE(later.size() == 2);
  CHECK(
      later[0].starts_with("MESSAGE=" + std::to_string(lost) + " log lines were lost on the way to the journal since"));
  CHECK(later[1].starts_with("MESSAGE=last\n"));
}

TEST_CASE("the command of a request is not part of a line") {
  const TempDir dir;
  {
    Log log{{dir / "lonc.log", LogTarget::file, Severity::routine, 100}};
    log.write(Severity::routine, {"msul3", "Connected", std::chrono::system_clock::now(), "put"}, "Delayed put: >ok<");
    REQUIRE(log.close(20s));
  }
  const std::string text = read_file(dir / "lonc.log");
  CHECK(text.find(" [msul3] [") != std::string::npos);
  CHECK(text.find(": Connected]: Delayed put: >ok<\n") != std::string::npos);
}

TEST_CASE("the log is in the daemon's directory") {
  lonc::node::Settings settings;
  settings.daemon_dir = "/srv/perl";
  settings.log.level = Severity::debug;
  settings.log.target = LogTarget::both;
  settings.log.queue = 17;
  const LogOptions options = lonc::node::log_options(settings);
  CHECK(options.path == "/srv/perl/logs/lonc.log");
  CHECK(options.level == Severity::debug);
  CHECK(options.target == LogTarget::both);
  CHECK(options.queue == 17);
}
