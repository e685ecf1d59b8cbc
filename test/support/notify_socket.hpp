// The socket on which systemd receives notifications of a service; NOTIFY_SOCKET names it while this object lives.
#pragma once

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <lonc/os/unique_fd.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

namespace lonc::test {

// The socket on which systemd listens.
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

  bool has_next() const {
    pollfd waiting{fd_.get(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
  }
  std::string next() const {
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 10'000) != 1) return "nothing came";
    std::array<char, 1024> buffer{};
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return {buffer.data(), static_cast<std::size_t>(size)};
  }

 private:
  TempDir dir_;
  os::UniqueFd fd_;
};

}  // namespace lonc::test
