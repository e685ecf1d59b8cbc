#include "daemon/process/pid_file.hpp"
#include "support/catch.hpp"
#include "support/process_help.hpp"
#include "support/temp_dir.hpp"

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

using lonc::daemon::is_replaceable;
using lonc::daemon::is_service_process;
using lonc::daemon::PidFile;
using namespace lonc::test;
using namespace std::chrono_literals;

namespace {

std::string own_line() { return std::to_string(::getpid()) + "\n"; }

// A child that runs under `name` and does nothing until it is killed.
Child sleeper(const char* name) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  Child child{[&] {
    ::prctl(PR_SET_NAME, name);
    if (::write(ends[1], "+", 1) != 1) return 1;
    for (;;) ::pause();
  }};
  char ready = 0;
  REQUIRE(::read(ends[0], &ready, 1) == 1);
  ::close(ends[0]);
  ::close(ends[1]);
  return child;
}

// The pid of a process that has ended and been reaped.
pid_t dead_pid() {
  Child child{[] { return 0; }};
  const pid_t pid = child.pid();
  REQUIRE(child.wait() == 0);
  return pid;
}

// No file can grow, as on a full disk.
class NoRoom {
 public:
  NoRoom() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none);
    ::signal(SIGXFSZ, SIG_IGN);
  }
  ~NoRoom() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, SIG_DFL);
  }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("the pid file contains the pid and is removed at the end") {
  const TempDir dir;
  {
    PidFile file;
    CHECK_FALSE(file.is_held());
    REQUIRE_FALSE(file.acquire(dir / "lonc.pid"));
    CHECK(file.is_held());
    CHECK(read_file(dir / "lonc.pid") == own_line());
    CHECK(dir.names() == std::set<std::string>{"lonc.pid"});
  }
  CHECK(dir.names().empty());
}

TEST_CASE("a second instance is refused at once and gets the holder's pid") {
  const TempDir dir;
  PidFile first;
  REQUIRE_FALSE(first.acquire(dir / "lonc.pid"));
  PidFile second;
  const auto begin = std::chrono::steady_clock::now();
  const auto error = second.acquire(dir / "lonc.pid");
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
  REQUIRE(error);
  CHECK(error->error == std::errc::file_exists);
  CHECK(error->holder == ::getpid());
  CHECK(error->text ==
        "another lonc is running already, as process " + std::to_string(::getpid()) + " (" + (dir / "lonc.pid") + ")");
  CHECK_FALSE(second.is_held());
  CHECK(read_file(dir / "lonc.pid") == own_line());
  CHECK(dir.names() == std::set<std::string>{"lonc.pid"});
}

TEST_CASE("a stale file is replaced") {
  const TempDir dir;
  const Child other = sleeper("sleeper");
  const std::string crashed = std::to_string(dead_pid()) + "\n";
  const std::string ours_before_a_reboot = own_line();
  const std::string reused_by_another = std::to_string(other.pid()) + "\n";
  const std::array<std::string, 9> contents{"",      "garbage\n", "99999999999999\n",   "-1\n",           "0",
                                            "12x\n", crashed,     ours_before_a_reboot, reused_by_another};
  const std::string& content = contents.at(GENERATE(range(0U, 9U)));
  write_file(dir / "lonc.pid", content);
  PidFile file;
  REQUIRE_FALSE(file.acquire(dir / "lonc.pid"));
  CHECK(read_file(dir / "lonc.pid") == own_line());
  CHECK(dir.names() == std::set<std::string>{"lonc.pid"});
}

TEST_CASE("an older lonc that takes no lock is respected while it lives") {
  const TempDir dir;
  const Child old = sleeper(GENERATE("lonc", "loncnew", "lonc: Connected"));
  write_file(dir / "lonc.pid", std::to_string(old.pid()) + "\n");
  PidFile file;
  const auto error = file.acquire(dir / "lonc.pid");
  REQUIRE(error);
  CHECK(error->holder == old.pid());
  CHECK(read_file(dir / "lonc.pid") == std::to_string(old.pid()) + "\n");

  // A zombie keeps its name, but does not hold the file any more.
  old.kill(SIGKILL);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(old.pid()), &info, WEXITED | WNOWAIT) == 0);
  CHECK_FALSE(file.acquire(dir / "lonc.pid"));
}

TEST_CASE("loncron is not taken for a lonc") {
  const TempDir dir;
  const Child other = sleeper("loncron");
  write_file(dir / "lonc.pid", std::to_string(other.pid()) + "\n");
  PidFile file;
  CHECK_FALSE(file.acquire(dir / "lonc.pid"));
}

TEST_CASE("at the stop the file is removed, and a successor can start") {
  const TempDir dir;
  PidFile first;
  REQUIRE_FALSE(first.acquire(dir / "lonc.pid"));
  first.release();
  CHECK(dir.names().empty());
  CHECK_FALSE(first.is_held());

  PidFile second;
  REQUIRE_FALSE(second.acquire(dir / "lonc.pid"));
  first.release();
  CHECK(read_file(dir / "lonc.pid") == own_line());
  PidFile third;
  CHECK(third.acquire(dir / "lonc.pid"));
}

TEST_CASE("a removed pid file still prevents a second instance, and is created again") {
  const TempDir dir;
  PidFile first;
  REQUIRE_FALSE(first.acquire(dir / "lonc.pid"));
  CHECK_FALSE(first.look_after().is_new);
  std::filesystem::remove(dir / "lonc.pid");
  PidFile second;
  const auto error = second.acquire(dir / "lonc.pid");
  REQUIRE(error);
  CHECK(error->error == std::errc::file_exists);
  CHECK(error->holder == ::getpid());
  CHECK_FALSE(second.is_held());
  CHECK(dir.names().empty());

  CHECK(first.look_after().is_new);
  CHECK_FALSE(first.look_after().is_new);
  CHECK(read_file(dir / "lonc.pid") == own_line());
  CHECK(second.acquire(dir / "lonc.pid"));
}

TEST_CASE("a pid file of another process is replaced if it is not locked, and respected if it is") {
  const TempDir dir;
  PidFile file;
  REQUIRE_FALSE(file.acquire(dir / "lonc.pid"));
  std::filesystem::remove(dir / "lonc.pid");
  write_file(dir / "lonc.pid", "1\n");
  const int other = ::open((dir / "lonc.pid").c_str(), O_RDONLY);
  REQUIRE(::flock(other, LOCK_EX) == 0);
  const auto look = file.look_after();
  CHECK(look.is_others);
  CHECK(look.trouble.find("as process 1 ") != std::string::npos);
  CHECK(read_file(dir / "lonc.pid") == "1\n");
  ::close(other);
  CHECK(file.look_after().is_new);
  CHECK(read_file(dir / "lonc.pid") == own_line());
}

TEST_CASE("if the directory is created again, so is the lock") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "logs");
  PidFile first;
  REQUIRE_FALSE(first.acquire(dir / "logs/lonc.pid"));
  std::filesystem::remove_all(dir / "logs");
  CHECK(first.look_after().trouble.find("No such file") != std::string::npos);
  std::filesystem::create_directory(dir / "logs");
  CHECK(first.look_after().is_new);
  std::filesystem::remove(dir / "logs/lonc.pid");
  PidFile second;
  CHECK(second.acquire(dir / "logs/lonc.pid"));
}

TEST_CASE("an earlier lonc, which locks only the file, and this one exclude each other") {
  const TempDir dir;
  write_file(dir / "lonc.pid", own_line());
  const int before = ::open((dir / "lonc.pid").c_str(), O_RDONLY);
  REQUIRE(::flock(before, LOCK_EX) == 0);
  PidFile file;
  CHECK(file.acquire(dir / "lonc.pid"));
  CHECK_FALSE(file.is_held());
  ::close(before);
  REQUIRE_FALSE(file.acquire(dir / "lonc.pid"));
  const int after = ::open((dir / "lonc.pid").c_str(), O_RDONLY);
  CHECK(::flock(after, LOCK_EX | LOCK_NB) != 0);
  ::close(after);
}

TEST_CASE("without disk space the lock is enough, and the file is written when there is space again") {
  const TempDir dir;
  const bool is_stale_there = GENERATE(false, true);
  if (is_stale_there) write_file(dir / "lonc.pid", "4194300\n");
  PidFile file;
  {
    const NoRoom none;
    REQUIRE_FALSE(file.acquire(dir / "lonc.pid"));
    CHECK(file.trouble().find("File too large") != std::string::npos);
    CHECK(file.look_after().trouble == file.trouble());
    PidFile second;
    CHECK(second.acquire(dir / "lonc.pid"));
    // It names no other process.
    CHECK((!std::filesystem::exists(dir / "lonc.pid") || read_file(dir / "lonc.pid").empty()));
  }
  CHECK(file.look_after().trouble.empty());
  CHECK(read_file(dir / "lonc.pid") == own_line());
  CHECK(file.trouble().empty());
}

TEST_CASE("a file that another process put under this name is not removed") {
  const TempDir dir;
  PidFile file;
  REQUIRE_FALSE(file.acquire(dir / "lonc.pid"));
  write_file(dir / "other", "1\n");
  std::filesystem::rename(dir / "other", dir / "lonc.pid");
  file.release();
  CHECK(read_file(dir / "lonc.pid") == "1\n");
}

TEST_CASE("a path that cannot be a pid file is a clear error") {
  const TempDir dir;
  PidFile file;
  const auto missing = file.acquire(dir / "logs/lonc.pid");
  REQUIRE(missing);
  CHECK(missing->error == std::errc::no_such_file_or_directory);
  CHECK(missing->text.find(dir / "logs/lonc.pid") != std::string::npos);

  std::filesystem::create_directory(dir / "lonc.pid");
  CHECK(file.acquire(dir / "lonc.pid"));
  std::filesystem::remove(dir / "lonc.pid");
  write_file(dir / "precious", "precious");
  std::filesystem::create_symlink(dir / "precious", dir / "lonc.pid");
  CHECK(file.acquire(dir / "lonc.pid"));
  CHECK(read_file(dir / "precious") == "precious");
}

TEST_CASE("a lock that names no living process is waited for, but less than a second") {
  const TempDir dir;
  write_file(dir / "lonc.pid", "garbage\n");
  const int fd = ::open((dir / "lonc.pid").c_str(), O_RDONLY);
  REQUIRE(::flock(fd, LOCK_EX) == 0);
  PidFile file;
  const auto begin = std::chrono::steady_clock::now();
  const auto error = file.acquire(dir / "lonc.pid");
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
  REQUIRE(error);
  CHECK(error->error == std::errc::file_exists);
  CHECK(error->holder == 0);
  ::close(fd);
  CHECK_FALSE(file.acquire(dir / "lonc.pid"));
}

namespace {

// Starts `count` processes that try at the same moment; the winner keeps the file until all have tried. Returns
// what each wrote: 'w' won, 'l' lost, 'i' won with an incomplete file, 's' lost too slowly.
std::string race(const std::string& path, int count) {
  std::array<int, 2> go{};
  std::array<int, 2> results{};
  REQUIRE(::pipe(go.data()) == 0);
  REQUIRE(::pipe(results.data()) == 0);
  std::vector<Child> children;
  children.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    children.emplace_back([&] {
      ::close(go[1]);
      char byte = 0;
      if (::read(go[0], &byte, 1) != 0) return 1;
      PidFile file;
      const auto begin = std::chrono::steady_clock::now();
      const bool won = !file.acquire(path);
      char result = won ? 'w' : 'l';
      if (won && read_file(path) != own_line()) result = 'i';
      if (!won && std::chrono::steady_clock::now() - begin > 1s) result = 's';
      if (::write(results[1], &result, 1) != 1) return 1;
      if (won) ::pause();
      ::_exit(0);
    });
  }
  ::close(go[0]);
  ::close(results[1]);
  ::close(go[1]);
  std::string all;
  char byte = 0;
  while (static_cast<int>(all.size()) < count && ::read(results[0], &byte, 1) == 1) all += byte;
  ::close(results[0]);
  return all;
}

}  // namespace

TEST_CASE("of many processes that start at once exactly one wins") {
  const TempDir dir;
  const std::string path = dir / "lonc.pid";
  // In turn: the file is missing, stale, or left by the last winner, which was killed.
  for (int round = 0; round < 30; ++round) {
    if (round % 3 == 0) std::filesystem::remove(path);
    if (round % 3 == 1) write_file(path, "stale\n");
    const std::string results = race(path, 12);
    INFO("round " << round << ": " << results);
    CHECK(results.size() == 12);
    CHECK(std::count(results.begin(), results.end(), 'w') == 1);
    CHECK(std::count(results.begin(), results.end(), 'l') == 11);
  }
  CHECK(dir.names() == std::set<std::string>{"lonc.pid"});
}

TEST_CASE("of instances that follow one another there are never two at a time") {
  const TempDir dir;
  const std::string path = dir / "lonc.pid";
  // Each holds another lock while it is the only one, and releases both in the order of a stop.
  std::vector<Child> children;
  children.reserve(6);
  for (int i = 0; i < 6; ++i) {
    children.emplace_back([&] {
      for (int won = 0; won < 40;) {
        PidFile file;
        if (file.acquire(path)) continue;
        const int alone = ::open((dir / "alone").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (::flock(alone, LOCK_EX | LOCK_NB) != 0) return 1;
        if (read_file(path) != own_line()) return 2;
        ::close(alone);
        file.release();
        ++won;
      }
      return 0;
    });
  }
  for (Child& child : children) CHECK(child.wait(60s) == 0);
  CHECK_FALSE(std::filesystem::exists(path));
}

namespace {

// A program that waits, with a given name, as a service or not.
class Sleeper {
 public:
  Sleeper(const std::string& path, bool is_service) : child_([&] { return run(path, is_service); }) {
    const std::string name = std::filesystem::path(path).filename();
    REQUIRE(wait_until([&] { return read_file("/proc/" + std::to_string(pid()) + "/comm") == name + "\n"; }));
  }
  pid_t pid() const { return child_.pid(); }

 private:
  static int run(std::string path, bool is_service) {
    std::string pid = "SYSTEMD_EXEC_PID=" + std::to_string(::getpid());
    std::string socket = "NOTIFY_SOCKET=/run/systemd/notify";
    std::string seconds = "60";
    const std::array<char*, 3> arguments{path.data(), seconds.data(), nullptr};
    const std::array<char*, 3> environment{is_service ? pid.data() : nullptr, socket.data(), nullptr};
    return ::execve(path.c_str(), arguments.data(), environment.data());
  }

  Child child_;
};

std::string sleep_called(const TempDir& dir, const std::string& name) {
  std::filesystem::copy_file("/bin/sleep", dir / name);
  return dir / name;
}

}  // namespace

TEST_CASE("a lonc that systemd did not start may be replaced, one that it started may not") {
  const TempDir dir;
  const std::string program = sleep_called(dir, "lonc");
  const Sleeper classic{program, false};
  CHECK_FALSE(is_service_process(classic.pid()));
  CHECK(is_replaceable(classic.pid()));
  const Sleeper service{program, true};
  CHECK(is_service_process(service.pid()));
  CHECK_FALSE(is_replaceable(service.pid()));
}

TEST_CASE("a process that is not a lonc is not replaced, whatever the pid file says") {
  const TempDir dir;
  const Sleeper other{sleep_called(dir, "other"), false};
  CHECK_FALSE(is_replaceable(other.pid()));
}

TEST_CASE("a process that cannot be inspected is not replaced") {
  constexpr pid_t nobody = (1 << 22) + 1;  // larger than any pid
  CHECK_FALSE(is_service_process(nobody));
  CHECK_FALSE(is_replaceable(nobody));
  CHECK_FALSE(is_replaceable(0));
}
