#include "net/net_support.hpp"
#include "net/socket/line_socket.hpp"
#include "support/catch.hpp"

#include <lonc/core/base/error.hpp>

#include <boost/asio/post.hpp>

using lonc::net::LineSocket;
using lonc::net::Strand;
using lonc::net::Task;
using lonc::test::run_ready;
using lonc::test::run_until;
using lonc::test::socket_pair;
using lonc::test::Wire;

namespace {

struct Fixture {
  explicit Fixture(std::size_t limit = 1000)
      : fds(socket_pair()),
        strand(boost::asio::make_strand(io)),
        socket(strand, std::move(fds.first), limit),
        wire(std::move(fds.second)) {}
  boost::asio::io_context io;
  std::pair<lonc::os::UniqueFd, lonc::os::UniqueFd> fds;
  Strand strand;
  LineSocket socket;
  Wire wire;
};

// A line, or why there will be none.
Task<LineSocket::ReadResult> read_line(LineSocket& socket) {
  while (true) {
    const auto read = socket.try_read_line();
    if (read.kind != LineSocket::Read::would_block && read.kind != LineSocket::Read::more) co_return read;
    const std::error_code error = co_await socket.wait_readable();
    if (error) co_return LineSocket::ReadResult{LineSocket::Read::failed, {}, error};
  }
}

Task<void> collect(LineSocket& socket, std::vector<std::string>& lines, LineSocket::Read& last) {
  while (true) {
    const auto read = co_await read_line(socket);
    last = read.kind;
    if (read.kind == LineSocket::Read::too_long) {
      lines.emplace_back("TOO LONG");
    } else if (read.kind == LineSocket::Read::line) {
      lines.emplace_back(read.text);
    } else {
      co_return;
    }
  }
}

Task<void> send_all(LineSocket& socket, bool& done) {
  while (socket.has_unsent()) {
    std::error_code error = co_await socket.wait_writable();
    if (!error) error = socket.flush();
    if (error) throw std::system_error(error);
  }
  done = true;
}

}  // namespace

TEST_CASE("LineSocket returns the same lines however the bytes are split") {
  const std::string text = "a\n\nlonger line\n0123456789abcdefXX\nlast\ndropped";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Fixture f(16);
    std::vector<std::string> lines;
    LineSocket::Read last = LineSocket::Read::would_block;
    lonc::test::spawn(f.strand, [&] { return collect(f.socket, lines, last); });
    run_ready(f.io);
    REQUIRE(f.wire.send(text.substr(0, cut)));
    run_ready(f.io);
    REQUIRE(f.wire.send(text.substr(cut)));
    f.wire.end_writing();
    REQUIRE(run_until(f.io, [&] { return last == LineSocket::Read::end; }));
    CHECK(lines == std::vector<std::string>{"a", "", "longer line", "TOO LONG", "last"});
  }
}

TEST_CASE("LineSocket reads available lines without the loop") {
  Fixture f;
  REQUIRE(f.wire.send("one\ntwo\n"));
  CHECK(f.socket.try_read_line().text == "one");
  CHECK(f.socket.has_bytes());
  CHECK(f.socket.try_read_line().text == "two");
  CHECK_FALSE(f.socket.has_bytes());
  CHECK(f.socket.try_read_line().kind == LineSocket::Read::would_block);
}

TEST_CASE("LineSocket keeps what a slow reader does not take, and sends all of it") {
  Fixture f;
  const std::string big(3'000'000, 'x');
  REQUIRE_FALSE(f.socket.send_line(big));
  REQUIRE_FALSE(f.socket.send_line("end"));
  REQUIRE(f.socket.has_unsent());
  bool done = false;
  lonc::test::spawn(f.strand, [&] { return send_all(f.socket, done); });
  std::size_t taken = 0;
  REQUIRE(run_until(f.io, [&] {
    taken = f.wire.received().size();
    return done;
  }));
  CHECK(f.wire.received() == big + "\nend\n");
  CHECK_FALSE(f.socket.has_unsent());
}

TEST_CASE("LineSocket reports a reader that has gone, without a signal") {
  Fixture f;
  f.wire.close();
  CHECK(f.socket.send_line("x") == std::errc::broken_pipe);
}

TEST_CASE("LineSocket::check_quiet distinguishes bytes, end of file and silence") {
  Fixture f;
  CHECK_FALSE(f.socket.check_quiet());
  REQUIRE(f.wire.send("late\npart"));
  CHECK(f.socket.check_quiet() == lonc::core::Errc::out_of_turn);
  CHECK(f.socket.try_read_line().text == "late");
  CHECK(f.socket.check_quiet() == lonc::core::Errc::out_of_turn);
  REQUIRE(f.wire.send("\n"));
  CHECK(f.socket.try_read_line().text == "part");
  CHECK_FALSE(f.socket.check_quiet());
  f.wire.close();
  CHECK(f.socket.check_quiet() == lonc::core::Errc::connection_closed);
}

TEST_CASE("LineSocket::close ends a wait, in a later turn") {
  Fixture f;
  std::vector<std::string> lines;
  LineSocket::Read last = LineSocket::Read::would_block;
  lonc::test::spawn(f.strand, [&] { return collect(f.socket, lines, last); });
  run_ready(f.io);
  boost::asio::post(f.strand, [&] {
    f.socket.close();
    CHECK(last == LineSocket::Read::would_block);
  });
  REQUIRE(run_until(f.io, [&] { return last == LineSocket::Read::failed; }));
  CHECK(f.wire.is_ended());
}
