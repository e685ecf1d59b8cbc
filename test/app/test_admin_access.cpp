// Who gets in at the two doors of the admin endpoint, and what he may do there.
#include "net/net_support.hpp"
#include "support/catch.hpp"
#include "support/process_help.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <lonc/app/admin_address.hpp>
#include <lonc/app/admin_server.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using lonc::app::AdminReply;
using lonc::app::is_loopback_host;
using lonc::test::connect_local;

namespace {

constexpr uid_t nobody = 65534;

// A server that answers everything.
struct DoorFixture {
  explicit DoorFixture(lonc::app::AdminOptions options = {})
      : server(io, options, log,
               [](const auto& request, const auto& done) { done(AdminReply{200, request.method + request.target}); }) {}
  ~DoorFixture() {
    bool is_over = false;
    server.stop([&] { is_over = true; });
    CHECK(lonc::test::run_until(io, [&] { return is_over; }));
    lonc::test::run_ready(io);
  }

  std::string path() { return directory / "admin"; }

  lonc::test::TempDir directory;
  lonc::test::KeptLog log;
  boost::asio::io_context io;
  lonc::app::AdminServer server;
};

// Asks over TCP.
struct TcpFixture : DoorFixture {
  TcpFixture() {
    const lonc::test::TcpListener free_port;
    endpoint = {boost::asio::ip::make_address("127.0.0.1"), free_port.port()};
  }

  std::string ask(const std::string& request) {
    const lonc::net::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0);
    [[maybe_unused]] const auto sent = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    std::string text;
    CHECK(lonc::test::run_until(io, [&] {
      std::array<char, 4096> some{};
      const ssize_t got = ::recv(fd.get(), some.data(), some.size(), MSG_DONTWAIT);
      if (got > 0) text.append(some.data(), static_cast<std::size_t>(got));
      return got == 0 || (got < 0 && errno != EAGAIN);
    }));
    return text;
  }

  boost::asio::ip::tcp::endpoint endpoint;
};

// Asks as the user nobody, who belongs to `group` besides his own; the exit status is 0 if the answer begins so.
int ask_as_nobody(gid_t group, const std::string& path, const std::string& request, std::string_view expected) {
  if (::setgroups(1, &group) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0) return 2;
  auto [fd, error] = connect_local(path);
  if (error != 0) return 3;
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  // Who is refused may be answered before he has asked.
  [[maybe_unused]] const auto sent = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::array<char, 12> answer{};
  if (::recv(fd.get(), answer.data(), answer.size(), MSG_WAITALL) != 12) return 5;
  return std::string_view(answer.data(), 12) == expected ? 0 : 6;
}

}  // namespace

TEST_CASE("a Host that is this machine, and one that only resolves to it") {
  for (const char* host : {"localhost", "LocalHost:9563", "127.0.0.1", "127.0.0.1:1", "127.1.2.3", "[::1]", "[::1]:80"})
    CHECK(is_loopback_host(host));
  for (const char* host : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "::1",
                           "[::1", "[127.0.0.1]", "localhost:x", "127.0.0.1:80:80", "0.0.0.0", "localhost "})
    CHECK_FALSE(is_loopback_host(host));
}

TEST_CASE_METHOD(TcpFixture, "over TCP one can read and nothing else") {
  server.start(lonc::app::open_tcp_door(endpoint));
  CHECK(ask("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n").ends_with("\r\n\r\nGET/x"));
  const std::string head = ask("HEAD /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.1 200"));
  CHECK(head.find("Content-Length: 5\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"}) {
    const std::string answer = ask(std::string(method) + " /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CAPTURE(method);
    CHECK(answer.starts_with("HTTP/1.1 405"));
    CHECK(answer.find("one can only read") != std::string::npos);
  }
}

TEST_CASE_METHOD(TcpFixture, "a web page that has its name resolved to this machine is refused") {
  server.start(lonc::app::open_tcp_door(endpoint));
  CHECK(ask("GET / HTTP/1.1\r\nHost: evil.example:9563\r\n\r\n").starts_with("HTTP/1.1 403"));
  CHECK(ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 403"));
}

TEST_CASE_METHOD(TcpFixture, "an address that is taken is told") {
  const auto door = lonc::app::open_tcp_door(endpoint);
  CHECK_THROWS_AS(lonc::app::open_tcp_door(endpoint), std::system_error);
}

TEST_CASE_METHOD(DoorFixture, "with admin-group the socket is of that group; members may read, others get nothing") {
  if (::geteuid() != 0) return lonc::test::skip("only root can be somebody else");
  const ::group* const entry = ::getgrnam("mail");
  REQUIRE(entry != nullptr);
  const gid_t members = entry->gr_gid;
  server.start(lonc::app::open_unix_door(path(), "mail"));
  struct stat info{};
  REQUIRE(::stat(path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0660);
  CHECK(info.st_gid == members);
  REQUIRE(::chmod(directory.path().c_str(), 0711) == 0);
  const auto answers = [&](gid_t asking, const char* method, const char* expected) {
    int status = -1;
    std::thread child([&] {
      lonc::test::Child asker(
          [&] { return ask_as_nobody(asking, path(), std::string(method) + " / HTTP/1.1\r\n\r\n", expected); });
      status = asker.wait();
      io.stop();
    });
    io.restart();
    const auto work = boost::asio::make_work_guard(io);
    io.run();
    child.join();
    return status == 0;
  };
  CHECK(answers(members, "GET", "HTTP/1.1 200"));
  CHECK(answers(members, "HEAD", "HTTP/1.1 200"));
  CHECK(answers(members, "POST", "HTTP/1.1 403"));
  REQUIRE(::chmod(path().c_str(), 0666) == 0);  // so that it is the daemon that decides
  CHECK(answers(nobody, "GET", "HTTP/1.1 403"));
  CHECK(log.has("The user with the number 65534 was refused"));
}

TEST_CASE("a group that does not exist is an error") {
  const lonc::test::TempDir directory;
  CHECK_THROWS_AS(lonc::app::open_unix_door(directory / "admin", "no-such-group"), std::system_error);
}
