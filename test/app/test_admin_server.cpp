#include "net/net_support.hpp"
#include "support/catch.hpp"
#include "support/process_help.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <lonc/app/admin_access.hpp>
#include <lonc/app/admin_server.hpp>

#include <boost/asio/post.hpp>
#include <sys/socket.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using lonc::app::AdminReply;
using lonc::app::AdminRequest;
using lonc::test::connect_local;

namespace {

constexpr const char* post_head = "POST /x HTTP/1.1\r\nContent-Length: ";

// A server on a loop of the test's own, which answers with what it was asked, except `/late` and `/throw`.
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
    server = std::make_unique<lonc::app::AdminServer>(io, options, log, [this](const AdminRequest& request, auto done) {
      if (request.target == "/throw") throw std::runtime_error("no");
      if (request.target == "/late") return kept.push_back(std::move(done));
      // From another thread, as the spool does it.
      std::thread([request, done] { done(AdminReply{200, request.method + request.target + request.body}); }).join();
    });
    server->start(lonc::app::open_unix_door(path, ""));
  }

  void stop() {
    bool is_over = false;
    server->stop([&] { is_over = true; });
    CHECK(lonc::test::run_until(io, [&] { return is_over; }));
    server.reset();
    CHECK(lonc::test::run_until(io, [&] { return io.stopped() || io.poll() == 0; }));
  }

  lonc::net::UniqueFd connect() {
    auto [fd, error] = connect_local(path);
    REQUIRE(error == 0);
    return std::move(fd);
  }

  // All that comes until the connection ends.
  std::string rest_of(const lonc::net::UniqueFd& fd) {
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

  std::string ask(std::string_view request) {
    const auto fd = connect();
    [[maybe_unused]] const auto sent = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    return rest_of(fd);
  }

  static std::string status_of(const std::string& answer) { return answer.substr(0, 12); }

  lonc::test::TempDir directory;
  lonc::test::KeptLog log;
  boost::asio::io_context io;
  lonc::app::AdminOptions options;
  const std::string path = directory / "admin";
  std::vector<std::function<void(AdminReply)>> kept;
  std::unique_ptr<lonc::app::AdminServer> server;
};

}  // namespace

TEST_CASE_METHOD(AdminFixture, "a request is handed on and answered, then the connection ends") {
  start();
  const std::string answer = ask(std::string(post_head) + "4\r\n\r\nbody");
  CHECK(status_of(answer) == "HTTP/1.1 200");
  CHECK(answer.ends_with("\r\n\r\nPOST/xbody"));
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(ask("GET /y HTTP/1.1\r\n\r\n").ends_with("\r\n\r\nGET/y"));
}

TEST_CASE_METHOD(AdminFixture, "the socket is its owner's alone, and goes at the stop") {
  start();
  struct stat info{};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  stop();
  CHECK_FALSE(directory.names().contains("admin"));
}

TEST_CASE_METHOD(AdminFixture, "a successor's socket is left to it") {
  start();
  lonc::app::AdminServer successor(io, options, log,
                                   [](const auto&, const auto& done) { done(AdminReply{200, "new"}); });
  successor.start(lonc::app::open_unix_door(path, ""));
  stop();
  CHECK(ask("GET / HTTP/1.1\r\n\r\n").ends_with("new"));
  bool is_over = false;
  successor.stop([&] { is_over = true; });
  CHECK(lonc::test::run_until(io, [&] { return is_over; }));
}

TEST_CASE_METHOD(AdminFixture, "what is too long is refused") {
  start();
  CHECK(status_of(ask("GET /" + std::string(5000, 'x') + " HTTP/1.1\r\n\r\n")) == "HTTP/1.1 431");
  CHECK(status_of(ask(std::string(post_head) + "9999999999\r\n\r\n")) == "HTTP/1.1 413");
  CHECK(status_of(ask("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + std::string(4096, 'x'))) ==
        "HTTP/1.1 413");
}

TEST_CASE_METHOD(AdminFixture, "who is still sending when he is refused gets the answer, and then the end") {
  options.read_timeout = 10s;
  options.rest_timeout = 10s;
  options.most_refused = 1;
  start();
  const std::string part(4096, 'x');
  // Reading the answer does not end it for the server, so that more can be sent.
  const auto send_after_answer = [&](const lonc::net::UniqueFd& fd, std::string_view status) {
    CHECK(status_of(rest_of(fd)) == status);
    return ::send(fd.get(), part.data(), part.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(part.size());
  };
  const auto too_long = connect();
  const std::string request = std::string(post_head) + "99999\r\n\r\n";
  REQUIRE(::send(too_long.get(), request.data(), request.size(), 0) > 0);
  CHECK(send_after_answer(too_long, "HTTP/1.1 413"));
  std::vector<lonc::net::UniqueFd> silent;
  for (std::size_t i = 1; i != options.most_connections; ++i) silent.push_back(connect());
  const auto refused = connect();
  CHECK(send_after_answer(refused, "HTTP/1.1 503"));
  CHECK_FALSE(send_after_answer(connect(), "HTTP/1.1 503"));
}

TEST_CASE_METHOD(AdminFixture, "what comes after an early answer is read for a while only") {
  options.rest_timeout = 100ms;
  start();
  const auto fd = connect();
  const std::string request = std::string(post_head) + "99999\r\n\r\n";
  REQUIRE(::send(fd.get(), request.data(), request.size(), 0) > 0);
  CHECK(status_of(rest_of(fd)) == "HTTP/1.1 413");
  CHECK(lonc::test::run_until(io, [&] { return ::send(fd.get(), "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE; }));
}

TEST_CASE_METHOD(AdminFixture, "what is not HTTP is told so or cut off") {
  start();
  for (const std::string& text : {std::string("\0\xff\0garbage\r\n\r\n", 14), std::string("GET / HTTP/9\r\n\r\n"),
                                  std::string(post_head) + "-1\r\n\r\n", std::string("ping\n")}) {
    CAPTURE(text);
    CHECK(status_of(ask(text)) == "HTTP/1.1 400");
  }
}

TEST_CASE_METHOD(AdminFixture, "a request of which the end or the host is a guess is not acted on") {
  start();
  CHECK(status_of(ask("POST /x HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n")) == "HTTP/1.1 501");
  CHECK(status_of(ask("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n")) == "HTTP/1.1 501");
  CHECK(status_of(ask("GET /x HTTP/1.1\r\nHost: localhost\r\nHost: a.example\r\n\r\n")) == "HTTP/1.1 400");
  CHECK(ask("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n").ends_with("POST/xab"));
}

TEST_CASE_METHOD(AdminFixture, "who does not come to an end is cut off") {
  start();
  for (const char* text : {"", "GET / HT", "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"}) {
    CAPTURE(text);
    CHECK(ask(text).empty());
  }
}

TEST_CASE_METHOD(AdminFixture, "when the work takes too long that is the answer, and what comes later is nobody's") {
  start();
  CHECK(status_of(ask("GET /late HTTP/1.1\r\n\r\n")) == "HTTP/1.1 504");
  REQUIRE(kept.size() == 1);
  kept[0]({200, "late"});
  CHECK(ask("GET /y HTTP/1.1\r\n\r\n").ends_with("GET/y"));
}

TEST_CASE_METHOD(AdminFixture, "a fault in the work is an answer") {
  start();
  CHECK(status_of(ask("GET /throw HTTP/1.1\r\n\r\n")) == "HTTP/1.1 500");
}

TEST_CASE_METHOD(AdminFixture, "more connections than allowed are told so, and served when there is room") {
  options.read_timeout = 10s;
  start();
  std::vector<lonc::net::UniqueFd> silent;
  for (std::size_t i = 0; i != options.most_connections; ++i) silent.push_back(connect());
  CHECK(status_of(ask("GET /y HTTP/1.1\r\n\r\n")) == "HTTP/1.1 503");
  silent.pop_back();
  CHECK(lonc::test::run_until(io, [&] { return status_of(ask("GET /y HTTP/1.1\r\n\r\n")) == "HTTP/1.1 200"; }));
}

TEST_CASE_METHOD(AdminFixture, "at the stop everybody is let go") {
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
  kept[0]({200, "late"});  // to nobody
}

TEST_CASE("the daemon's own user and root may use the admin socket, nobody else") {
  CHECK(lonc::app::may_administer(33, 33));
  CHECK(lonc::app::may_administer(0, 33));
  CHECK_FALSE(lonc::app::may_administer(34, 33));
  CHECK_FALSE(lonc::app::may_administer(33, 0));
}

TEST_CASE_METHOD(AdminFixture, "another user is refused, even when the mode of the socket lets him in") {
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
  CHECK(log.has("The user with the number 65534 was refused"));
}
