#include "ctl/clients.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace lonc::ctl;
using namespace std::chrono_literals;
using Local = boost::asio::local::stream_protocol;

namespace {

// A listening UNIX socket in a directory of its own.
class Listener {
 public:
  explicit Listener(int backlog) {
    acceptor_.open(Local());
    acceptor_.bind(Local::endpoint(path()));
    acceptor_.listen(backlog);
  }

  std::string path() const { return directory_ / "socket"; }

  // On its own thread: answers the first line of one client, and closes.
  std::thread answer_one(std::string answer) {
    return std::thread([this, answer = std::move(answer)] {
      Local::socket client = acceptor_.accept();
      std::string in;
      boost::asio::read_until(client, boost::asio::dynamic_buffer(in), '\n');
      boost::system::error_code ignored;
      boost::asio::write(client, boost::asio::buffer(answer), ignored);
    });
  }

  // As many clients as fit into the backlog; none is accepted.
  std::vector<Local::socket> fill() {
    std::vector<Local::socket> clients;
    const Local::endpoint place(path());
    while (true) {
      Local::socket client(io_, Local());
      client.native_non_blocking(true);
      if (::connect(client.native_handle(), place.data(), static_cast<socklen_t>(place.size())) != 0) return clients;
      clients.push_back(std::move(client));
    }
  }

 private:
  lonc::test::TempDir directory_;
  boost::asio::io_context io_;
  Local::acceptor acceptor_{io_};
};

}  // namespace

TEST_CASE("an answer over the admin socket is read with its status") {
  Listener listener(1);
  auto server = listener.answer_one("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}");
  const HttpAnswer answer = get_from_socket(listener.path(), "/status");
  server.join();
  CHECK_FALSE(answer.error);
  CHECK(answer.is_connected);
  CHECK(answer.status == 404);
  CHECK(answer.body == "{}");
}

TEST_CASE("a listener that accepts no connection does not hang the caller") {
  Listener listener(1);
  const auto waiting = listener.fill();
  const HttpAnswer answer = get_from_socket(listener.path(), "/status", {.silence = 100ms, .wants_end = {}});
  CHECK(answer.error == std::errc::timed_out);
  CHECK_FALSE(answer.is_connected);
  CHECK(call_socket(listener.path(), "ping", 100, 100ms).error == std::errc::timed_out);
}

TEST_CASE("a caller waits for a silent server as long as specified, or until the user cancels") {
  Listener listener(4);
  CHECK(get_from_socket(listener.path(), "/", {.silence = 20ms, .wants_end = {}}).error == std::errc::timed_out);
  const HttpAnswer ended = get_from_socket(listener.path(), "/", {.silence = 1h, .wants_end = [] { return true; }});
  CHECK(ended.error == std::errc::operation_canceled);
  const LineAnswer answer = call_socket(listener.path(), "ping", 100, 20ms);
  CHECK(answer.error == std::errc::timed_out);
  CHECK(answer.is_connected);
}

TEST_CASE("a path too long for a socket is an error") {
  CHECK(get_from_socket("/" + std::string(200, 'x'), "/").error == std::errc::filename_too_long);
}

TEST_CASE("a line is sent, and one line is the answer") {
  Listener listener(1);
  auto server = listener.answer_one("pong\nmore\n");
  const LineAnswer answer = call_socket(listener.path(), "ping", 100, 10s);
  server.join();
  CHECK_FALSE(answer.error);
  CHECK(answer.line == "pong");
}

TEST_CASE("a line that is too long and one without an end are different errors") {
  const auto ask = [](const std::string& text) {
    Listener listener(1);
    auto server = listener.answer_one(text);
    const LineAnswer answer = call_socket(listener.path(), "ping", 4, 10s);
    server.join();
    return answer.error;
  };
  CHECK_FALSE(ask("1234\n"));
  CHECK(ask("12345\n") == std::errc::value_too_large);
  const auto closed = ask("123");
  CHECK(closed);
  CHECK(closed != std::errc::value_too_large);
}
