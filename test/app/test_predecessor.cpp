#include "support/catch.hpp"
#include "support/process_help.hpp"
#include "support/temp_dir.hpp"

#include <lonc/app/predecessor.hpp>

#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

using lonc::app::is_replaceable;
using lonc::app::is_service_process;
using namespace lonc::test;

namespace {

// A program that waits, under any name and in any environment.
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

TEST_CASE("a lonc that systemd did not start may be replaced, and one that it started not") {
  const TempDir dir;
  const std::string program = sleep_called(dir, "lonc");
  const Sleeper classic{program, false};
  CHECK_FALSE(is_service_process(classic.pid()));
  CHECK(is_replaceable(classic.pid()));
  const Sleeper service{program, true};
  CHECK(is_service_process(service.pid()));
  CHECK_FALSE(is_replaceable(service.pid()));
}

TEST_CASE("a process that is no lonc is not replaced, whatever the pid file says") {
  const TempDir dir;
  const Sleeper other{sleep_called(dir, "other"), false};
  CHECK_FALSE(is_replaceable(other.pid()));
}

TEST_CASE("what can not be looked at is not replaced") {
  constexpr pid_t nobody = (1 << 22) + 1;  // more than any pid
  CHECK_FALSE(is_service_process(nobody));
  CHECK_FALSE(is_replaceable(nobody));
  CHECK_FALSE(is_replaceable(0));
}
