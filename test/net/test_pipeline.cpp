// Pipelined requests over real sockets: gathered into one write, and no answer that is older than its request.
#include "net/session_support.hpp"
#include "support/catch.hpp"

#include <thread>

using lonc::core::CommandSet;
using lonc::test::run_ready;
using lonc::test::SessionFixture;
using lonc::test::Wire;

namespace {

struct Pipelined : SessionFixture {
  Pipelined() {
    config.engine.pipeline_depth = 8;
    config.engine.pipeline_safe = *CommandSet::parse("get");
    start();
    REQUIRE(is_up());
  }

  bool has_requests(const std::vector<std::string>& lines) {
    return until([&] { return peer().requests == lines; });
  }
};

void wait_delivered(Pipelined& f) {
  while (!f.peer().wire.is_delivered()) std::this_thread::yield();
}

}  // namespace

TEST_CASE("PeerSession pipelines: each client gets its own answer") {
  Pipelined f;
  auto one = f.client_with("get:1\n");
  REQUIRE(f.has_requests({"get:1"}));
  auto two = f.client_with("get:2\n");
  auto three = f.client_with("get:3\n");
  REQUIRE(f.has_requests({"get:1", "get:2", "get:3"}));
  f.peer().wire.send("1\n2\n");
  CHECK(f.answers(one, "1\n"));
  CHECK(f.answers(two, "2\n"));
  CHECK(three.received().empty());
  f.peer().wire.send("3\n");
  CHECK(f.answers(three, "3\n"));
  CHECK(f.connections.size() == 1);
}

TEST_CASE("PeerSession pipelines: a client that left keeps its place in the order") {
  Pipelined f;
  auto one = f.client_with("get:1\n");
  REQUIRE(f.has_requests({"get:1"}));
  auto gone = f.client_with("get:2\n");
  REQUIRE(f.has_requests({"get:1", "get:2"}));
  gone.close();
  auto three = f.client_with("get:3\n");
  REQUIRE(f.has_requests({"get:1", "get:2", "get:3"}));
  f.peer().wire.send("1\n2\n3\n");
  CHECK(f.answers(one, "1\n"));
  CHECK(f.answers(three, "3\n"));
}

TEST_CASE("PeerSession pipelines: a line that came before its request was written is nobody's") {
  Pipelined f;
  auto one = f.client_with("get:1\n");
  auto two = f.client();
  REQUIRE(f.has_requests({"get:1"}));
  run_ready(f.io);  // the second client is waited for by now
  const auto send_lines = [&] {
    f.peer().wire.send("1\nlate answer of somebody else\n");
    wait_delivered(f);
  };
  // Both are there before the loop turns, whichever it is told first.
  if (GENERATE(true, false)) {
    two.send("get:2\n");
    send_lines();
  } else {
    send_lines();
    two.send("get:2\n");
  }
  REQUIRE(f.until([&] { return f.connections.size() == 2 && f.connections[0]->wire.is_ended(); }));
  f.until([&] { return !two.received().empty() || !f.peer().requests.empty(); });
  if (two.received().empty()) f.peer().wire.send("2\n");
  REQUIRE(f.until([&] { return !two.received().empty() && !one.received().empty(); }));
  CHECK((two.received() == "con_lost\n" || two.received() == "2\n"));
  CHECK((one.received() == "con_lost\n" || one.received() == "1\n"));
}

TEST_CASE("PeerSession pipelines: a line that came between the request and those behind it is nobody's") {
  Pipelined f;
  auto one = f.client_with("get:1\n");
  REQUIRE(f.has_requests({"get:1"}));
  // Half of an answer keeps the connection busy; the other half and a stray line are there when get:2 is written.
  f.peer().wire.send("1");
  wait_delivered(f);
  run_ready(f.io);
  auto two = f.client_with("get:2\n");
  f.peer().wire.send("\nstray\n");
  wait_delivered(f);
  REQUIRE(f.until([&] { return f.connections.size() == 2 && f.connections[0]->wire.is_ended(); }));
  f.until([&] { return !two.received().empty() || !f.peer().requests.empty(); });
  CHECK(two.received() != "stray\n");
}

TEST_CASE("PeerSession pipelines: the connection breaks, and all that were on it are con_lost") {
  Pipelined f;
  auto one = f.client_with("get:1\n");
  REQUIRE(f.has_requests({"get:1"}));
  auto two = f.client_with("get:2\n");
  REQUIRE(f.has_requests({"get:1", "get:2"}));
  f.peer().wire.send("1\n");
  REQUIRE(f.answers(one, "1\n"));
  f.peer().wire.close();
  CHECK(f.answers(two, "con_lost\n"));
}

TEST_CASE("PeerSession pipelines long lines that do not fit into the socket") {
  Pipelined f;
  const std::string big = "get:" + std::string(1'500'000, 'b');
  auto one = f.client_with("get:1\n");
  REQUIRE(f.has_requests({"get:1"}));
  std::vector<Wire> clients;
  const std::string line = big + "\n";
  for (int i = 0; i != 3; ++i) {
    clients.push_back(f.client());
    std::size_t sent = 0;
    REQUIRE(f.until([&] {
      const ssize_t more =
          ::send(clients.back().fd(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (more > 0) sent += static_cast<std::size_t>(more);
      return sent == line.size();
    }));
  }
  REQUIRE(f.has_requests({"get:1", big, big, big}));
  f.peer().wire.send("1\na\nb\nc\n");
  CHECK(f.answers(one, "1\n"));
  CHECK(f.answers(clients[0], "a\n"));
  CHECK(f.answers(clients[2], "c\n"));
}
