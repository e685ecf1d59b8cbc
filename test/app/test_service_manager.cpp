#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <lonc/app/service_manager.hpp>
#include <lonc/net/unique_fd.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <regex>

using lonc::app::ServiceManager;
using lonc::net::UniqueFd;
using lonc::test::TempDir;

namespace {

// What systemd listens on.
class NotifySocket {
 public:
  NotifySocket() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = dir_ / "notify";
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~NotifySocket() { ::unsetenv("NOTIFY_SOCKET"); }

  std::string next() const {
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 10'000) != 1) return "nothing came";
    std::array<char, 1024> buffer{};
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return {buffer.data(), static_cast<std::size_t>(size)};
  }

 private:
  TempDir dir_;
  UniqueFd fd_;
};

}  // namespace

TEST_CASE("systemd is told of start, reload and stop") {
  const NotifySocket systemd;
  ServiceManager manager;
  CHECK_FALSE(manager.ready("2 peers"));
  CHECK(systemd.next() == "READY=1\nSTATUS=2 peers");
  CHECK_FALSE(manager.reloading());
  CHECK(std::regex_match(systemd.next(),
                         std::regex{"RELOADING=1\nMONOTONIC_USEC=[1-9]\\d*\nSTATUS=Reading the configuration"}));
  CHECK_FALSE(manager.status("1 of 2 peers is away"));
  CHECK(systemd.next() == "STATUS=1 of 2 peers is away");
  CHECK_FALSE(manager.stopping("Draining"));
  CHECK(systemd.next() == "STOPPING=1\nSTATUS=Draining");
}

TEST_CASE("a status text can not add a field") {
  const NotifySocket systemd;
  CHECK_FALSE(ServiceManager{}.status("a\nMAINPID=1"));
  CHECK(systemd.next() == "STATUS=a MAINPID=1");
}

TEST_CASE("without systemd nothing is sent and nothing fails") {
  ::unsetenv("NOTIFY_SOCKET");
  ServiceManager manager;
  CHECK_FALSE(manager.ready("x"));
  CHECK_FALSE(manager.reloading());
  CHECK_FALSE(manager.stopping("x"));
}

TEST_CASE("a notification that can not be sent is an error") {
  ::setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
  CHECK(ServiceManager{}.ready("x"));
  ::unsetenv("NOTIFY_SOCKET");
}
