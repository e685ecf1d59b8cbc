#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <lonc/node/check/socket_sweep.hpp>
#include <lonc/os/unique_fd.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <vector>

using lonc::node::SweepResult;
using lonc::os::UniqueFd;
using namespace lonc::test;

namespace {

using Names = std::vector<std::string>;

UniqueFd bound_socket(const std::string& path, int type = SOCK_STREAM) {
  UniqueFd fd{::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

UniqueFd live_socket(const std::string& path, int backlog = 5) {
  UniqueFd fd = bound_socket(path);
  REQUIRE(::listen(fd.get(), backlog) == 0);
  return fd;
}

void stale_socket(const std::string& path) { live_socket(path); }

SweepResult sweep(const TempDir& dir, const Names& ids = {"msul1", "msul3"}, const Names& names = {"s1.example.edu"}) {
  return lonc::node::sweep_sockets(dir.path(), ids, names);
}

}  // namespace

TEST_CASE("sockets that nobody listens on are removed, those of configured peers are kept") {
  const TempDir dir;
  stale_socket(dir / "gone1");
  stale_socket(dir / ".lonc-msul1.4711");
  stale_socket(dir / "msul1");
  const SweepResult result = sweep(dir);
  CHECK(result.removed == Names{".lonc-msul1.4711", "gone1"});
  CHECK(result.problems.empty());
  CHECK(dir.names() == std::set<std::string>{"msul1"});
}

TEST_CASE("live sockets are kept, whatever their name, even with a full backlog") {
  const TempDir dir;
  const UniqueFd live = live_socket(dir / "other");
  const UniqueFd temporary = live_socket(dir / ".lonc-x");
  const UniqueFd datagram = bound_socket(dir / "notify", SOCK_DGRAM);
  const UniqueFd busy = live_socket(dir / "busy", 0);
  std::vector<UniqueFd> waiting;
  for (int i = 0; i < 4; ++i) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = dir / "busy";
    std::memcpy(address.sun_path, path.data(), path.size());
    waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::connect(waiting.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      REQUIRE(errno == EAGAIN);
    }
  }
  CHECK(sweep(dir).removed.empty());
  CHECK(dir.names() == std::set<std::string>{".lonc-x", "busy", "notify", "other"});
}

TEST_CASE("lock files of peers that nobody holds are removed") {
  const TempDir dir;
  for (const char* name : {"msul1.lock", "s1.example.edu.lock", "stranger.lock", "msul3.lock", "lock", ".lock"}) {
    write_file(dir / name, "");
  }
  const UniqueFd held{::open((dir / "msul3.lock").c_str(), O_RDONLY | O_CLOEXEC)};
  REQUIRE(::flock(held.get(), LOCK_SH) == 0);
  const SweepResult result = sweep(dir);
  CHECK(result.removed == Names{"msul1.lock", "s1.example.edu.lock"});
  CHECK(dir.names() == std::set<std::string>{".lock", "lock", "msul3.lock", "stranger.lock"});
}

TEST_CASE("anything but sockets and lock files is not touched") {
  const TempDir dir;
  std::filesystem::create_directories(dir / "delayed/1015559779.1.msul1");
  std::filesystem::create_directory(dir / "msul1.lock");
  write_file(dir / "file", "precious");
  write_file(dir / ".lonc-file", "precious");
  std::filesystem::create_symlink(dir / "file", dir / "msul3.lock");
  const auto before = dir.names();
  const SweepResult result = sweep(dir);
  CHECK(result.removed.empty());
  CHECK(result.problems.empty());
  CHECK(dir.names() == before);
  CHECK(read_file(dir / "file") == "precious");
}

TEST_CASE("a directory that cannot be read is reported") {
  const TempDir dir;
  const SweepResult result = lonc::node::sweep_sockets(dir / "absent", {}, {});
  CHECK(result.removed.empty());
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0] == "cannot read " + (dir / "absent") + ": No such file or directory");
}

TEST_CASE("a name from outside is escaped in the report") {
  const TempDir dir;
  stale_socket(dir / "a<b>");
  CHECK(sweep(dir).removed == Names{"a&lt;b&gt;"});
  CHECK(dir.names().empty());
}

TEST_CASE("files that a start would remove or replace are found, but not removed") {
  const TempDir dir;
  stale_socket(dir / "gone1");
  stale_socket(dir / "msul1");
  const UniqueFd live = live_socket(dir / "msul3");
  write_file(dir / "s1.example.edu.lock", "");
  write_file(dir / "README", "");
  const auto before = dir.names();
  CHECK(lonc::node::find_abandoned(dir.path(), {"msul1", "msul3"}, {"s1.example.edu"}) ==
        Names{"gone1", "msul1", "s1.example.edu.lock"});
  CHECK(dir.names() == before);
  CHECK(lonc::node::find_abandoned(dir / "nowhere", {}, {}).empty());
}
