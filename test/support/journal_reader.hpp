// The journal's end of its socket, which reads only when the test calls read().
#pragma once

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <lonc/os/unique_fd.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

namespace lonc::test {

class JournalReader {
 public:
  JournalReader() { bind(); }

  std::string path() const { return dir_ / "journal"; }

  // Everything received so far, one datagram each.
  std::vector<std::string> read() const {
    std::vector<std::string> all;
    for (;;) {
      std::array<char, 4096> buffer{};
      const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size < 0) return all;
      all.emplace_back(buffer.data(), static_cast<std::size_t>(size));
    }
  }

  void restart() {
    fd_.reset();
    ::unlink(path().c_str());
    bind();
  }

 private:
  void bind() {
    fd_ = os::UniqueFd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path();
    std::memcpy(address.sun_path, name.data(), name.size());
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  TempDir dir_;
  os::UniqueFd fd_;
};

}  // namespace lonc::test
