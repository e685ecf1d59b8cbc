#include "net/client_harness.hpp"
#include "net/no_more_descriptors.hpp"
#include "support/catch.hpp"

#include <malloc.h>

#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using lonc::core::ClientId;
using lonc::net::ClientLimit;
using lonc::net::ClientSession;
using lonc::net::SocketWatch;
using lonc::test::run_ready;
using lonc::test::run_until;
using lonc::test::Strings;
using lonc::test::Wire;
using Fixture = lonc::test::ClientFixture;
using namespace std::chrono_literals;

namespace {

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator open("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(open), end(open)));
}

}  // namespace

TEST_CASE("ClientSession passes on one line at a time and keeps the order") {
  Fixture f;
  REQUIRE(f.wire->send("a\nb\nc"));
  run_ready(f.io);
  CHECK(f.lines == Strings{"a"});
  f.reply("A");
  REQUIRE(run_until(f.io, [&] { return f.lines.size() == 2; }));
  CHECK(f.wire->received() == "A\n");
  f.reply("B");
  REQUIRE(f.wire->send("\n"));
  REQUIRE(run_until(f.io, [&] { return f.lines.size() == 3; }));
  CHECK(f.lines[2] == "c");
  CHECK(f.answered == 2);
}

TEST_CASE("ClientSession answers a half-closed client, and drops a last line without a line end") {
  Fixture f;
  f.answer = "ok";
  REQUIRE(f.wire->send("a\nb\nincomplete"));
  f.wire->end_writing();
  REQUIRE(run_until(f.io, [&] { return f.is_gone; }));
  CHECK(f.lines == Strings{"a", "b"});
  CHECK(f.wire->received() == "ok\nok\n");
  CHECK(f.wire->is_ended());
}

TEST_CASE("ClientSession: a line that is too long is answered and its rest skipped") {
  Fixture f;
  f.answer = "ok";
  REQUIRE(f.wire->send(std::string(5000, 'x')));
  run_ready(f.io);
  REQUIRE(f.wire->send(std::string(5000, 'x') + "\nnext\n"));
  REQUIRE(run_until(f.io, [&] { return f.lines.size() == 1; }));
  CHECK(f.lines == Strings{"next"});
  REQUIRE(run_until(f.io, [&] { return f.wire->received() == "error:line too long\nok\n"; }));
}

TEST_CASE("ClientSession: a client that leaves before its answer releases its slot, one that may still read keeps it") {
  Fixture f;
  SECTION("it is watched already") { run_ready(f.io); }
  SECTION("it is not watched yet") {}
  REQUIRE(f.wire->send("a\nb\n"));
  run_ready(f.io);
  const auto look_after = [&] {
    boost::asio::post(f.strand, [&] { f.session->look_after(); });
    run_ready(f.io);
  };
  f.wire->end_writing();
  for (int times = 0; times != 3; ++times) look_after();
  CHECK_FALSE(f.is_gone);
  f.wire->close();
  CHECK(run_until(f.io, [&] { return f.is_gone; }));
  CHECK(f.left_waiting);
  CHECK(f.lines == Strings{"a"});
  f.reply("late");
  run_ready(f.io);
  CHECK(f.answered == 0);
}

TEST_CASE(
    "ClientSession: a client that sends its line and leaves at once is gone, unless the answer is available at once") {
  Fixture f;
  run_ready(f.io);  // it is watched
  REQUIRE(f.wire->send("a\n"));
  f.wire->close();
  SECTION("the answer is not available yet") {
    REQUIRE(run_until(f.io, [&] { return f.is_gone; }));
    CHECK(f.left_waiting);
    CHECK(f.lines == Strings{"a"});
  }
  SECTION("the answer is available at once") {
    f.answer = "ok";
    REQUIRE(run_until(f.io, [&] { return f.is_gone; }));
    CHECK_FALSE(f.left_waiting);
    CHECK(f.answered == 1);
  }
}

TEST_CASE("ClientSession writes a long answer to a slow reader") {
  Fixture f;
  REQUIRE(f.wire->send("dump\nnext\n"));
  run_ready(f.io);
  const std::string big(2'000'000, 'd');
  f.reply(big);
  run_ready(f.io);
  CHECK(f.session->is_busy());
  CHECK(f.lines.size() == 1);  // the next line is not read before that
  REQUIRE(run_until(f.io, [&] { return f.wire->received().size() == big.size() + 1; }));
  REQUIRE(run_until(f.io, [&] { return f.lines.size() == 2; }));
}

TEST_CASE("ClientSession closes a reader that is stuck") {
  Fixture f({100, 30ms});
  REQUIRE(f.wire->send("dump\n"));
  run_ready(f.io);
  f.reply(std::string(2'000'000, 'd'));
  CHECK(run_until(f.io, [&] { return f.is_gone; }));
}

TEST_CASE("ClientSession::close causes an end of file without an answer, also while the line is being handled") {
  Fixture f;
  REQUIRE(f.wire->send("close_connection_exit\n"));
  run_ready(f.io);
  boost::asio::post(f.strand, [&] { f.session->close(); });
  REQUIRE(run_until(f.io, [&] { return f.wire->is_ended(); }));
  CHECK(f.wire->received().empty());
  CHECK_FALSE(f.is_gone);
  run_ready(f.io);
  CHECK(f.session.use_count() == 1);
}

TEST_CASE("ClientSession lets other handlers run during a flood") {
  Fixture f;
  f.answer = "con_lost";
  std::string flood;
  for (int i = 0; i != 1000; ++i) flood += "x\n";
  REQUIRE(f.wire->send(flood));
  f.io.run_one();
  CHECK(f.lines.size() < 1000);
  REQUIRE(run_until(f.io, [&] { return f.wire->received().size() == 9000; }));
  CHECK(f.lines.size() == 1000);
}

TEST_CASE("ClientSession: each further line of an idle client is noticed, and so is its end") {
  Fixture f;
  f.answer = "ok";
  for (std::size_t number = 1; number != 6; ++number) {
    run_ready(f.io);  // it is watched now
    REQUIRE(f.wire->send("again\n"));
    REQUIRE(run_until(f.io, [&] { return f.lines.size() == number; }));
  }
  run_ready(f.io);
  f.wire->close();
  CHECK(run_until(f.io, [&] { return f.is_gone; }));
}

TEST_CASE("ClientSession: input of a watched client during its request is not lost") {
  Fixture f;
  run_ready(f.io);
  REQUIRE(f.wire->send("first\n"));
  REQUIRE(run_until(f.io, [&] { return f.lines.size() == 1; }));
  run_ready(f.io);
  SECTION("another line") {
    REQUIRE(f.wire->send("second\n"));
    run_ready(f.io);
    CHECK(f.lines.size() == 1);
    f.reply("A");
    CHECK(run_until(f.io, [&] { return f.lines.size() == 2; }));
  }
  SECTION("a line in two parts, the second after the previous line has been answered") {
    REQUIRE(f.wire->send("sec"));
    run_ready(f.io);
    f.reply("A");
    run_ready(f.io);
    REQUIRE(f.wire->send("ond\n"));
    CHECK(run_until(f.io, [&] { return f.lines.size() == 2; }));
  }
  SECTION("the end of file") {
    f.wire->end_writing();
    run_ready(f.io);
    CHECK_FALSE(f.is_gone);
    f.reply("A");
    CHECK(run_until(f.io, [&] { return f.is_gone; }));
    CHECK(f.wire->received() == "A\n");
  }
}

TEST_CASE("ClientSession: a line and the end of file of a watched client may arrive together") {
  Fixture f;
  f.answer = "ok";
  run_ready(f.io);
  REQUIRE(f.wire->send("last\n"));
  f.wire->end_writing();
  REQUIRE(run_until(f.io, [&] { return f.is_gone; }));
  CHECK(f.wire->received() == "ok\n");
}

TEST_CASE("ClientSession: a very long line is read completely") {
  Fixture f({4'000'000, 10s});
  run_ready(f.io);
  const std::string line(3'000'000, 'x');
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t sent = ::send(f.wire->fd(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
    run_ready(f.io);
  }
  REQUIRE(f.wire->send("\n"));
  REQUIRE(run_until(f.io, [&] { return f.lines.size() == 1; }));
  CHECK(f.lines[0].size() == line.size());
}

TEST_CASE("ClientSession: lines of all lengths, split into reads in all ways, are passed on complete") {
  for (std::size_t length = 0; length <= 70; ++length) {
    const std::string line(length, static_cast<char>('a' + length % 26));
    const std::string both = line + "\n" + line + "!\n";
    Fixture f;
    f.answer = "ok";
    Strings expected;
    for (std::size_t cut = 0; cut <= both.size(); ++cut) {
      expected.insert(expected.end(), {line, line + "!"});
      const auto say = [&](const std::string& part) { return part.empty() || f.wire->send(part); };
      f.wire->received();
      REQUIRE(say(both.substr(0, cut)));
      run_ready(f.io);
      REQUIRE(say(both.substr(cut)));
      run_ready(f.io);
    }
    for (const char byte : both) {
      REQUIRE(f.wire->send(std::string_view(&byte, 1)));
      run_ready(f.io);
    }
    expected.insert(expected.end(), {line, line + "!"});
    REQUIRE(f.lines == expected);
    REQUIRE(f.answered == static_cast<int>(expected.size()));
  }
}

TEST_CASE("ClientSession: an exception of the handler ends it and is reported") {
  Fixture f;
  run_ready(f.io);
  REQUIRE(f.wire->send("throw\n"));
  REQUIRE(run_until(f.io, [&] { return f.failure != nullptr; }));
  CHECK_THROWS_WITH(std::rethrow_exception(f.failure), "thrown by the handler");
  CHECK(f.wire->is_ended());
  CHECK_FALSE(f.is_gone);
}

TEST_CASE("ClientSession: a client that sends much but does not read its answer is closed in time") {
  Fixture f({100, 50ms});
  REQUIRE(f.wire->send("dump\n"));
  run_ready(f.io);
  f.reply(std::string(2'000'000, 'd'));
  CHECK(run_until(f.io, [&] {
    f.wire->send("x");
    return f.is_gone;
  }));
}

TEST_CASE("ClientSession: a client that cannot be watched for lack of a descriptor is polled, and answered") {
  Fixture f;
  f.answer = "ok";
  {
    const lonc::test::NoMoreDescriptors none;
    run_ready(f.io);  // no input: now it would be watched
    REQUIRE(f.wire->send("a\n"));
    REQUIRE(run_until(f.io, [&] { return f.lines == Strings{"a"}; }));
    CHECK(f.wire->received() == "ok\n");
    CHECK_FALSE(f.is_gone);
  }
  REQUIRE(f.wire->send("b\n"));
  REQUIRE(run_until(f.io, [&] { return f.lines == Strings{"a", "b"}; }));
}

TEST_CASE("ClientSession: the rest of an answer is sent even if no descriptor is left to wait with") {
  Fixture f;
  f.answer = std::string(600'000, 'x');
  const lonc::test::NoMoreDescriptors none;
  REQUIRE(f.wire->send("a\n"));
  REQUIRE(run_until(f.io, [&] { return f.wire->received().size() == 600'001; }));
}

TEST_CASE("ClientSession: while the loop is busy, a client that is about to write or leave is not watched") {
  Fixture f;
  f.answer = "ok";
  const std::size_t before = open_descriptors();
  const auto watches = [&](int turns, bool goes_on = true) {
    for (int i = 0; i != turns; ++i) {
      if (goes_on) ++f.events;
      f.io.restart();
      f.io.poll_one();
    }
    return open_descriptors() != before;
  };
  SECTION("it writes and leaves in time") {
    CHECK_FALSE(watches(10));
    REQUIRE(f.wire->send("a\n"));
    CHECK_FALSE(watches(10));
    CHECK(f.wire->received() == "ok\n");
    f.wire->close();
    watches(1);
    CHECK(f.is_gone);
  }
  SECTION("it does not: only for a limited time") { CHECK(watches(20)); }
  SECTION("the loop is no longer busy") {
    CHECK_FALSE(watches(5));
    CHECK(watches(2, false));
  }
}

TEST_CASE("ClientSession: clients that are polled hold no buffer") {
  constexpr std::uint64_t many = 300;
  Fixture f;
  const ClientLimit limit(2 * many);
  ClientLimit::Share share(limit);
  std::vector<lonc::os::UniqueFd> theirs;
  std::vector<std::shared_ptr<ClientSession>> sessions;
  for (std::uint64_t number = 100; number != 100 + many; ++number) {
    auto [fd, other] = lonc::test::socket_pair();
    theirs.push_back(std::move(other));
    sessions.push_back(std::make_shared<ClientSession>(f.shared, ClientId{number}, std::move(fd), share.admit(),
                                                       ClientSession::Limits{100, 10s}));
  }
  const std::size_t before = ::mallinfo2().uordblks;
  for (const auto& session : sessions) session->start();
  for (int turns = 0; turns != 3; ++turns) {
    ++f.events;
    f.io.restart();
    f.io.poll_one();
  }
  // (The malloc of a sanitizer does not report its use there.)
  CHECK(::mallinfo2().uordblks < before + many * 1024);
  for (const auto& session : sessions) session->close();
}
