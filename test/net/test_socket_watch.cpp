#include "net/net_support.hpp"
#include "net/no_more_descriptors.hpp"
#include "net/socket/socket_watch.hpp"
#include "support/catch.hpp"

#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <unistd.h>

using lonc::net::SocketWatch;
using lonc::os::UniqueFd;
using lonc::test::run_ready;
using lonc::test::run_until;
using lonc::test::socket_pair;
using lonc::test::Wire;

namespace {

struct Fixture : SocketWatch::Handler {
  ~Fixture() override {
    watch->close();
    run_ready(io);
  }
  void socket_ready(std::uint64_t number, SocketWatch::News news) override {
    const bool is_more = news == SocketWatch::News::more;
    told.push_back(std::to_string(number) + (is_more                           ? " ready"
                                             : news == SocketWatch::News::gone ? " gone"
                                                                               : " ended"));
    if (closes) watch->close();
  }

  boost::asio::io_context io;
  lonc::net::Strand strand = boost::asio::make_strand(io);
  std::shared_ptr<SocketWatch> watch = std::make_shared<SocketWatch>(strand, *this, std::chrono::milliseconds{5});
  std::vector<std::string> told;
  bool closes = false;
};

using Strings = std::vector<std::string>;
using enum SocketWatch::Interest;

}  // namespace

TEST_CASE("SocketWatch reports each change once, also an initial state, and never from within add") {
  Fixture f;
  auto [ours, theirs] = socket_pair();
  Wire wire(std::move(theirs));
  REQUIRE(wire.send("a"));
  REQUIRE_FALSE(f.watch->add(ours.get(), 7, reading));
  CHECK(f.told.empty());
  REQUIRE(run_until(f.io, [&] { return f.told == Strings{"7 ready"}; }));
  run_ready(f.io);
  CHECK(f.told == Strings{"7 ready"});  // it is still unread, but that is no change
  REQUIRE(wire.send("b"));
  REQUIRE(run_until(f.io, [&] { return f.told == Strings{"7 ready", "7 ready"}; }));
  wire.end_writing();
  REQUIRE(run_until(f.io, [&] { return f.told.size() == 3; }));
  CHECK(f.told.back() == "7 ended");
  wire.close();
  REQUIRE(run_until(f.io, [&] { return f.told.size() == 4; }));
  CHECK(f.told.back() == "7 gone");
}

TEST_CASE("SocketWatch reports a writable socket only if requested") {
  Fixture f;
  auto [ours, theirs] = socket_pair();
  const Wire wire(std::move(theirs));
  REQUIRE_FALSE(f.watch->add(ours.get(), 1, reading));
  run_ready(f.io);
  CHECK(f.told.empty());
  REQUIRE_FALSE(f.watch->change(ours.get(), 1, reading_and_writing));
  REQUIRE(run_until(f.io, [&] { return f.told == Strings{"1 ready"}; }));
}

TEST_CASE("SocketWatch: all changes are reported, even if they are more than it takes at once") {
  Fixture f;
  std::vector<std::pair<UniqueFd, UniqueFd>> pairs;
  for (std::uint64_t number = 0; number != 200; ++number) {
    pairs.push_back(socket_pair());
    REQUIRE(::write(pairs.back().second.get(), "x", 1) == 1);
    REQUIRE_FALSE(f.watch->add(pairs.back().first.get(), number, reading));
  }
  REQUIRE(run_until(f.io, [&] { return f.told.size() == 200; }));
}

TEST_CASE("SocketWatch reports nothing after close, even if close is called from a report") {
  Fixture f;
  auto [ours, theirs] = socket_pair();
  auto [ours_too, theirs_too] = socket_pair();
  Wire wire(std::move(theirs));
  Wire wire_too(std::move(theirs_too));
  REQUIRE(wire.send("a"));
  REQUIRE(wire_too.send("b"));
  f.closes = true;
  REQUIRE_FALSE(f.watch->add(ours.get(), 1, reading));
  REQUIRE_FALSE(f.watch->add(ours_too.get(), 2, reading));
  REQUIRE(run_until(f.io, [&] { return !f.told.empty(); }));
  run_ready(f.io);
  CHECK(f.told.size() == 1);
  CHECK(f.watch->add(ours.get(), 1, reading) == std::errc::operation_canceled);
  CHECK(f.watch->change(ours.get(), 1, reading) == std::errc::operation_canceled);
}

TEST_CASE("SocketWatch: its descriptor is closed when nothing is watched any more, and opened again when needed") {
  Fixture f;
  auto [ours, theirs] = socket_pair();
  Wire wire(std::move(theirs));
  const int next = UniqueFd(::dup(STDERR_FILENO)).get();
  const auto is_free = [next] { return ::fcntl(next, F_GETFD) < 0; };
  for (const std::string text : {"once", "twice"}) {
    REQUIRE_FALSE(f.watch->add(ours.get(), 1, reading));
    CHECK_FALSE(is_free());
    f.watch->forget();
    REQUIRE(run_until(f.io, is_free));
  }
  REQUIRE_FALSE(f.watch->add(ours.get(), 1, reading));
  REQUIRE(wire.send("a"));
  REQUIRE(run_until(f.io, [&] { return f.told == Strings{"1 ready"}; }));
}

TEST_CASE("SocketWatch reports that no descriptor is left for it, and leaks none") {
  Fixture f;
  auto [ours, theirs] = socket_pair();
  {
    const lonc::test::NoMoreDescriptors none;
    CHECK(f.watch->add(ours.get(), 1, reading) == std::errc::too_many_files_open);
    CHECK(f.watch->change(ours.get(), 1, reading) == std::errc::operation_canceled);
  }
  CHECK_FALSE(f.watch->add(ours.get(), 1, reading));
}
