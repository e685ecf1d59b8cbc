// The HTTP server of the admin endpoint: who gets in at its two listeners, and what becomes of his request.
#include "daemon/admin/admin_server.hpp"
#include "net/net_support.hpp"
#include "support/catch.hpp"
#include "support/process_help.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <lonc/node/config/admin_access.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using lonc::daemon::AdminReply;
using lonc::daemon::AdminRequest;
using lonc::node::is_loopback_host;
using lonc::test::connect_local;
using namespace std::chrono_literals;

namespace {

constexpr const char* post_head = "POST /x HTTP/1.1\r\nContent-Length: ";

// All that comes until the connection ends.
std::string read_to_end(boost::asio::io_context& io, const lonc::os::UniqueFd& fd) {
  std::string text;
  const bool has_ended = lonc::test::run_until(io, [&] {
    std::array<char, 4096> some{};
    const ssize_t got = ::recv(fd.get(), some.data(), some.size(), MSG_DONTWAIT);
    if (got > 0) text.append(some.data(), static_cast<std::size_t>(got));
    return got == 0 || (got < 0 && errno != EAGAIN);
  });
  CHECK(has_ended);
  return text;
}

// A server on the test's own loop, which answers with the request itself, except for `/late` and `/throw`.
struct AdminFixture {
  AdminFixture() {
    options.most_connections = 3;
    options.header_limit = 1024;
    options.body_limit = 2048;
    options.read_timeout = 300ms;
    options.work_timeout = 300ms;
  }
  ~AdminFixture() {
    if (server) stop();
  }

  void start() {
    server =
        std::make_unique<lonc::daemon::AdminServer>(io, options, log, [this](const AdminRequest& request, auto done) {
          if (request.target == "/throw") throw std::runtime_error("no");
          if (request.target == "/late") return kept.push_back(std::move(done));
      // From another thread, as the spool does.
          std::thread([request, done] {
            done(AdminReply{200, request.method + request.target + request.body});
          }).join();
        });
    server->start(lonc::daemon::AdminListener(path, ""));
  }

  void stop() {
    bool is_over = false;
    server->stop([&] { is_over = true; });
    CHECK(lonc::test::run_until(io, [&] { return is_over; }));
    CHECK(lonc::test::run_until(io, [&] { return io.stopped() || io.poll() == 0; }));
    server.reset();
  }

  lonc::os::UniqueFd connect() {
    auto [fd, error] = connect_local(path);
    REQUIRE(error == 0);
    return std::move(fd);
  }

  std::string rest_of(const lonc::os::UniqueFd& fd) { return read_to_end(io, fd); }

  std::string ask(std::string_view request) {
    const auto fd = connect();
    [[maybe_unused]] const auto sent = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    return rest_of(fd);
  }

  static std::string status_of(const std::string& answer) { return answer.substr(0, 12); }

  lonc::test::TempDir directory;
  lonc::test::KeptLog log;
  boost::asio::io_context io;
  lonc::daemon::AdminOptions options;
  const std::string path = directory / "admin";
  std::vector<std::function<void(AdminReply)>> kept;
  std::unique_ptr<lonc::daemon::AdminServer> server;
};

}  // namespace

TEST_CASE_METHOD(AdminFixture, "a request is passed on and answered, then the connection is closed") {
  start();
  const std::string answer = ask(std::string(post_head) + "4\r\n\r\nbody");
  CHECK(status_of(answer) == "HTTP/1.1 200");
  CHECK(answer.ends_with("\r\n\r\nPOST/xbody"));
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(ask("GET /y HTTP/1.1\r\n\r\n").ends_with("\r\n\r\nGET/y"));
}

TEST_CASE_METHOD(AdminFixture, "the socket is accessible only to its owner, and is removed at the stop") {
  start();
  struct stat info{};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  stop();
  CHECK_FALSE(directory.names().contains("admin"));
}

TEST_CASE_METHOD(AdminFixture, "the socket of a successor is not removed") {
  start();
  lonc::daemon::AdminServer successor(io, options, log,
                                      [](const auto&, const auto& done) { done(AdminReply{200, "new"}); });
  successor.start(lonc::daemon::AdminListener(path, ""));
  stop();
  CHECK(ask("GET / HTTP/1.1\r\n\r\n").ends_with("new"));
  bool is_over = false;
  successor.stop([&] { is_over = true; });
  CHECK(lonc::test::run_until(io, [&] { return is_over; }));
}

TEST_CASE_METHOD(AdminFixture, "a request that is too long is refused") {
  start();
  CHECK(status_of(ask("GET /" + std::string(5000, 'x') + " HTTP/1.1\r\n\r\n")) == "HTTP/1.1 431");
  CHECK(status_of(ask(std::string(post_head) + "9999999999\r\n\r\n")) == "HTTP/1.1 413");
  CHECK(status_of(ask("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + std::string(4096, 'x'))) ==
        "HTTP/1.1 413");
}

TEST_CASE_METHOD(AdminFixture,
                 "a client that is still sending when it is refused gets the answer, then the end of file") {
  options.read_timeout = 10s;
  options.rest_timeout = 10s;
  options.most_refused = 1;
  start();
  const std::string part(4096, 'x');
  // After the answer has been read, more can still be sent.
  const auto send_after_answer = [&](const lonc::os::UniqueFd& fd, std::string_view status) {
    CHECK(status_of(rest_of(fd)) == status);
    return ::send(fd.get(), part.data(), part.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(part.size());
  };
  const auto too_long = connect();
  const std::string request = std::string(post_head) + "99999\r\n\r\n";
  REQUIRE(::send(too_long.get(), request.data(), request.size(), 0) > 0);
  CHECK(send_after_answer(too_long, "HTTP/1.1 413"));
  std::vector<lonc::os::UniqueFd> silent;
  for (std::size_t i = 1; i != options.most_connections; ++i) silent.push_back(connect());
  const auto refused = connect();
  CHECK(send_after_answer(refused, "HTTP/1.1 503"));
  CHECK_FALSE(send_after_answer(connect(), "HTTP/1.1 503"));
}

TEST_CASE_METHOD(AdminFixture, "after an early answer the rest of the request is read only for a limited time") {
  options.rest_timeout = 100ms;
  start();
  const auto fd = connect();
  const std::string request = std::string(post_head) + "99999\r\n\r\n";
  REQUIRE(::send(fd.get(), request.data(), request.size(), 0) > 0);
  CHECK(status_of(rest_of(fd)) == "HTTP/1.1 413");
  CHECK(lonc::test::run_until(io, [&] { return ::send(fd.get(), "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE; }));
}

TEST_CASE_METHOD(AdminFixture, "anything but HTTP is answered with 400") {
  start();
  for (const std::string& text : {std::string("\0\xff\0garbage\r\n\r\n", 14), std::string("GET / HTTP/9\r\n\r\n"),
                                  std::string(post_head) + "-1\r\n\r\n", std::string("ping\n")}) {
    CAPTURE(text);
    CHECK(status_of(ask(text)) == "HTTP/1.1 400");
  }
}

TEST_CASE_METHOD(AdminFixture, "a request with an ambiguous end or host is not executed") {
  start();
  CHECK(status_of(ask("POST /x HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n")) == "HTTP/1.1 501");
  CHECK(status_of(ask("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n")) == "HTTP/1.1 501");
  CHECK(status_of(ask("GET /x HTTP/1.1\r\nHost: localhost\r\nHost: a.example\r\n\r\n")) == "HTTP/1.1 400");
  CHECK(ask("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n").ends_with("POST/xab"));
}

TEST_CASE_METHOD(AdminFixture, "an incomplete request is disconnected in the end") {
  start();
  for (const char* text : {"", "GET / HT", "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"}) {
    CAPTURE(text);
    CHECK(ask(text).empty());
  }
}

TEST_CASE_METHOD(AdminFixture, "work that takes too long is answered with 504, and its late result is dropped") {
  start();
  CHECK(status_of(ask("GET /late HTTP/1.1\r\n\r\n")) == "HTTP/1.1 504");
  REQUIRE(kept.size() == 1);
  kept[0]({200, "late"});
  CHECK(ask("GET /y HTTP/1.1\r\n\r\n").ends_with("GET/y"));
}

TEST_CASE_METHOD(AdminFixture, "an exception in the work is answered with 500") {
  start();
  CHECK(status_of(ask("GET /throw HTTP/1.1\r\n\r\n")) == "HTTP/1.1 500");
}

TEST_CASE_METHOD(AdminFixture, "connections over the limit get 503, and are served when there are fewer") {
  options.read_timeout = 10s;
  start();
  std::vector<lonc::os::UniqueFd> silent;
  for (std::size_t i = 0; i != options.most_connections; ++i) silent.push_back(connect());
  CHECK(status_of(ask("GET /y HTTP/1.1\r\n\r\n")) == "HTTP/1.1 503");
  silent.pop_back();
  CHECK(lonc::test::run_until(io, [&] { return status_of(ask("GET /y HTTP/1.1\r\n\r\n")) == "HTTP/1.1 200"; }));
}

TEST_CASE_METHOD(AdminFixture, "the stop closes all connections") {
  options.read_timeout = 10s;
  options.work_timeout = 10s;
  start();
  const auto silent = connect();
  const auto waiting = connect();
  const std::string request = "GET /late HTTP/1.1\r\n\r\n";
  REQUIRE(::send(waiting.get(), request.data(), request.size(), 0) > 0);
  CHECK(lonc::test::run_until(io, [&] { return !kept.empty(); }));
  stop();
  CHECK(rest_of(silent).empty());
  const std::string answer = rest_of(waiting);
  CHECK(status_of(answer) == "HTTP/1.1 503");
  CHECK(answer.find("shutting down") != std::string::npos);
  REQUIRE(kept.size() == 1);
  kept[0]({200, "late"});  // the client is gone
}

TEST_CASE("only the daemon's own user and root may use the admin socket") {
  CHECK(lonc::node::may_administer(33, 33));
  CHECK(lonc::node::may_administer(0, 33));
  CHECK_FALSE(lonc::node::may_administer(34, 33));
  CHECK_FALSE(lonc::node::may_administer(33, 0));
}

TEST_CASE_METHOD(AdminFixture, "another user is refused, even if the mode of the socket permits the connection") {
  if (::geteuid() != 0) return lonc::test::skip("only root can be somebody else");
  start();
  REQUIRE(::chmod(directory.path().c_str(), 0711) == 0);
  REQUIRE(::chmod(path.c_str(), 0666) == 0);
  lonc::test::Child other([&] {
    if (::setuid(65534) != 0) return 2;
    for (int i = 0; i != 2; ++i) {
      auto [fd, error] = connect_local(path);
      if (error != 0) return 3;
      const int flags = ::fcntl(fd.get(), F_GETFL);
      ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
      std::array<char, 12> answer{};
      if (::recv(fd.get(), answer.data(), answer.size(), MSG_WAITALL) != 12) return 4;
      if (std::string_view(answer.data(), 12) != "HTTP/1.1 403") return 5;
    }
    return 0;
  });
  std::optional<int> ended;
  std::thread waiter([&] {
    const int status = other.wait();
    boost::asio::post(io, [&ended, status] { ended = status; });
  });
  CHECK(lonc::test::run_until(io, [&] { return ended.has_value(); }));
  waiter.join();
  CHECK(ended == 0);
  REQUIRE(log.lines().size() == 1);  // for both
  CHECK(log.has("The user with uid 65534 was refused"));
}

namespace {

constexpr uid_t nobody = 65534;

// A server that answers everything.
struct ListenerFixture {
  explicit ListenerFixture(lonc::daemon::AdminOptions options = {})
      : server(io, options, log,
               [](const auto& request, const auto& done) { done(AdminReply{200, request.method + request.target}); }) {}
  ~ListenerFixture() {
    bool is_over = false;
    server.stop([&] { is_over = true; });
    CHECK(lonc::test::run_until(io, [&] { return is_over; }));
    lonc::test::run_ready(io);
  }

  std::string path() { return directory / "admin"; }

  lonc::test::TempDir directory;
  lonc::test::KeptLog log;
  boost::asio::io_context io;
  lonc::daemon::AdminServer server;
};

// Sends requests over TCP.
struct TcpFixture : ListenerFixture {
  TcpFixture() {
    const lonc::test::TcpListener free_port;
    endpoint = {boost::asio::ip::make_address("127.0.0.1"), free_port.port()};
  }

  std::string ask(const std::string& request) {
    const lonc::os::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0);
    [[maybe_unused]] const auto sent = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    return read_to_end(io, fd);
  }

  boost::asio::ip::tcp::endpoint endpoint;
};

// Sends a request as the user nobody, a member of `group`; the exit status is 0 if the answer begins with `expected`.
int ask_as_nobody(gid_t group, const std::string& path, const std::string& request, std::string_view expected) {
  if (::setgroups(1, &group) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0) return 2;
  auto [fd, error] = connect_local(path);
  if (error != 0) return 3;
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  // A user who is refused may be answered before sending the request.
  [[maybe_unused]] const auto sent = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::array<char, 12> answer{};
  if (::recv(fd.get(), answer.data(), answer.size(), MSG_WAITALL) != 12) return 5;
  return std::string_view(answer.data(), 12) == expected ? 0 : 6;
}

}  // namespace

TEST_CASE("a Host that is this machine, and one that may only resolve to it") {
  for (const char* host : {"localhost", "LocalHost:9563", "127.0.0.1", "127.0.0.1:1", "127.1.2.3", "[::1]", "[::1]:80"})
    CHECK(is_loopback_host(host));
  for (const char* host : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "::1",
                           "[::1", "[127.0.0.1]", "localhost:x", "127.0.0.1:80:80", "0.0.0.0", "localhost "})
    CHECK_FALSE(is_loopback_host(host));
}

TEST_CASE_METHOD(TcpFixture, "TCP allows only reading") {
  server.start(lonc::daemon::AdminListener(endpoint));
  CHECK(ask("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n").ends_with("\r\n\r\nGET/x"));
  const std::string head = ask("HEAD /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.1 200"));
  CHECK(head.find("Content-Length: 5\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"}) {
    const std::string answer = ask(std::string(method) + " /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CAPTURE(method);
    CHECK(answer.starts_with("HTTP/1.1 405"));
    CHECK(answer.find("is read-only") != std::string::npos);
  }
}

TEST_CASE_METHOD(TcpFixture, "a web page whose name resolves to this machine is refused") {
  server.start(lonc::daemon::AdminListener(endpoint));
  CHECK(ask("GET / HTTP/1.1\r\nHost: evil.example:9563\r\n\r\n").starts_with("HTTP/1.1 403"));
  CHECK(ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 403"));
}

TEST_CASE_METHOD(TcpFixture, "an address that is already in use is an error") {
  const lonc::daemon::AdminListener listener(endpoint);
  CHECK_THROWS_AS(lonc::daemon::AdminListener(endpoint), std::system_error);
}

TEST_CASE_METHOD(ListenerFixture,
                 "with admin-group the socket belongs to that group; members may read, others are refused") {
  if (::geteuid() != 0) return lonc::test::skip("only root can be somebody else");
  const ::group* const entry = ::getgrnam("mail");
  REQUIRE(entry != nullptr);
  const gid_t members = entry->gr_gid;
  server.start(lonc::daemon::AdminListener(path(), "mail"));
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
  REQUIRE(::chmod(path().c_str(), 0666) == 0);  // so that the daemon decides, not the file system
  CHECK(answers(nobody, "GET", "HTTP/1.1 403"));
  CHECK(log.has("The user with uid 65534 was refused"));
}

TEST_CASE("a group that does not exist is an error") {
  const lonc::test::TempDir directory;
  CHECK_THROWS_AS(lonc::daemon::AdminListener(directory / "admin", "no-such-group"), std::system_error);
}
