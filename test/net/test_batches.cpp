// Batches over real sockets: what is sent in one write, that no answer reaches another client whatever the lengths of
// the lines and however they are split, and that nothing is received between the check of a connection and the write.
#include "net/session_support.hpp"
#include "support/catch.hpp"

#include <deque>
#include <optional>

using lonc::core::CommandSet;
using lonc::test::SessionFixture;
using lonc::test::Wire;

namespace {

struct Batched : SessionFixture {
  explicit Batched(std::size_t depth = 8) {
    config.engine.pipeline_depth = depth;
    config.engine.pipeline_safe = *CommandSet::parse("get, x, ls");
    start();
    REQUIRE(is_up());
  }

  bool has_requests(const std::vector<std::string>& lines) {
    return until([&] { return peer().requests == lines; });
  }
  // The peer is quick, and the batches have grown to their full size.
  void prove() {
    for (int round = 0; round != 100; ++round) {
      std::vector<Wire> wires;
      for (std::size_t i = 0; i != config.engine.pipeline_depth + 1; ++i) wires.push_back(client_with("get:warm\n"));
      REQUIRE(until([&] {
        answer_all([](const std::string&) { return "warm"; });
        return std::ranges::all_of(wires, [](Wire& wire) { return wire.received() == "warm\n"; });
      }));
    }
    peer().requests.clear();
  }
  // Answers everything that the peer has received so far.
  template <typename Answer>
  void answer_all(Answer answer) {
    std::string text;
    for (const std::string& request : std::exchange(peer().requests, {}))
      text += (request == "ping" ? std::string("msul1") : std::string(answer(request))) + "\n";
    if (!text.empty()) peer().wire.send(text);
  }
};

// A request of exactly `length` bytes that contains its number if it is long enough.
std::string request_of(std::size_t length, std::size_t number) {
  std::string text = length < 5 ? std::string(length, 'x') : "get:" + std::to_string(number) + ":";
  text.resize(length, 'z');
  return text;
}

}  // namespace

TEST_CASE("PeerSession batches: each client gets its own answer, once all have arrived") {
  Batched f;
  f.prove();
  auto one = f.client_with("get:1\n");
  REQUIRE(f.has_requests({"get:1", "ping"}));
  auto two = f.client_with("get:2\n");
  auto three = f.client_with("get:3\n");
  lonc::test::run_ready(f.io);
  f.peer().wire.send("1\n");
  lonc::test::run_ready(f.io);
  CHECK(one.received().empty());
  f.peer().requests.clear();
  f.peer().wire.send("msul1\n");
  CHECK(f.answers(one, "1\n"));
  REQUIRE(f.until([&] {
    f.answer_all([](const std::string& request) { return request.substr(4); });
    return !two.received().empty() && !three.received().empty();
  }));
  CHECK(two.received() == "2\n");
  CHECK(three.received() == "3\n");
  CHECK(f.connections.size() == 1);
}

TEST_CASE("PeerSession batches: a client that left keeps its place in the order") {
  Batched f;
  auto one = f.client_with("put:1\n");
  REQUIRE(f.has_requests({"put:1", "ping"}));
  f.peer().requests.clear();
  auto gone = f.client_with("get:2\n");
  auto three = f.client_with("get:3\n");
  lonc::test::run_ready(f.io);
  gone.close();
  f.peer().wire.send("1\nmsul1\n");
  CHECK(f.answers(one, "1\n"));
  REQUIRE(f.until([&] {
    f.answer_all([](const std::string& request) { return request.substr(4); });
    return !three.received().empty();
  }));
  CHECK(three.received() == "3\n");
}

// Every length near the size of a small buffer, an answer of about the same length, and answers split in pieces.
TEST_CASE("PeerSession batches: no answer reaches another client, whatever the lengths and splits of the lines") {
  Batched f;
  f.prove();
  const std::size_t cut = GENERATE(0U, 1U, 2U, 3U, 7U, 14U, 15U, 16U, 64U);
  std::size_t number = 0;
  std::size_t largest = 0;
  for (std::size_t length = 0; length <= 70; ++length) {
    std::vector<Wire> wires;
    std::vector<std::string> wanted;
    for (const std::size_t other : {length, std::size_t{14}, 70 - length, length, std::size_t{1}}) {
      wanted.push_back(request_of(other, ++number));
      wires.push_back(f.client_with(wanted.back() + "\n"));
    }
    std::string text;
    REQUIRE(f.until([&] {
      largest = std::max(largest, f.peer().requests.size());
      for (const std::string& request : std::exchange(f.peer().requests, {}))
        text += (request == "ping" ? "msul1" : "=" + request) + "\n";
      while (!text.empty()) {
        const std::size_t now = cut == 0 ? text.size() : std::min(cut, text.size());
        f.peer().wire.send(text.substr(0, now));
        text.erase(0, now);
        lonc::test::run_ready(f.io);  // so that each piece is read alone
      }
      return std::ranges::all_of(wires, [](Wire& wire) { return wire.received().ends_with('\n'); });
    }));
    for (std::size_t i = 0; i != wires.size(); ++i) CHECK(wires[i].received() == "=" + wanted[i] + "\n");
  }
  CHECK(f.connections.size() == 1);
  CHECK(largest > 2);
}

TEST_CASE("PeerSession batches: an unsolicited line, or part of one, ends the connection at once") {
  Batched f;
  auto one = f.client_with("get:1\n");
  REQUIRE(f.has_requests({"get:1", "ping"}));
  f.peer().wire.send("1\nmsul1\n");
  REQUIRE(f.answers(one, "1\n"));
  f.peer().wire.send(GENERATE("late\n", "la", "\xff"));
  REQUIRE(f.until([&] { return f.connections[0]->wire.is_ended(); }));
  CHECK(f.until([&] { return f.log.has("msul1 spoke out of turn: unsolicited bytes"); }));
}

TEST_CASE("PeerSession batches: an empty line with nothing in flight is ignored") {
  Batched f;
  auto one = f.client_with("get:1\n");
  REQUIRE(f.has_requests({"get:1", "ping"}));
  f.peer().wire.send("1\nmsul1\n\n");
  REQUIRE(f.answers(one, "1\n"));
  f.peer().wire.send("\n");
  REQUIRE(f.until([&] { return f.report()->status.counters.empty_lines == 2; }));
  CHECK(f.connections.size() == 1);
}

// A line that arrives while megabytes are being encrypted must not be taken for the answer to them.
TEST_CASE("PeerSession batches: a late copy of an answer is not the answer to a long encrypted request") {
  Batched f(GENERATE(1U, 8U));
  const bool is_fenced = f.config.engine.pipeline_depth > 1;
  auto one = f.client_with("put:1\n");
  REQUIRE(f.until([&] { return f.peer().requests.size() == (is_fenced ? 2U : 1U); }));
  f.peer().wire.send(is_fenced ? "first\nmsul1\n" : "first\n");
  REQUIRE(f.answers(one, "first\n"));
  auto two = f.client();
  const std::string line = "encrypt:put:" + std::string(4'000'000, 'b') + "\n";
  std::size_t sent = 0;
  REQUIRE(f.until([&] {
    const ssize_t more = ::send(two.fd(), line.data() + sent, line.size() - sent - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (more > 0) sent += static_cast<std::size_t>(more);
    return sent == line.size() - 1;
  }));
  // The end of the request and the copy have both arrived at the next turn of the loop.
  two.send("\n");
  f.peer().wire.send("first\n");
  REQUIRE(f.until([&] { return !two.received().empty() || f.connections.size() == 2; }));
  CHECK(two.received() != "first\n");
}

TEST_CASE("PeerSession batches: the connection breaks, and all its requests get con_lost") {
  Batched f;
  auto one = f.client_with("get:1\n");
  REQUIRE(f.has_requests({"get:1", "ping"}));
  f.peer().wire.close();
  CHECK(f.answers(one, "con_lost\n"));
}

TEST_CASE("PeerSession batches: long lines that do not fit into the socket") {
  Batched f;
  f.prove();
  std::vector<Wire> clients;
  std::vector<std::string> wanted;
  for (std::size_t i = 0; i != 4; ++i) {
    wanted.push_back("get:" + std::string(1'000'000 + i, static_cast<char>('a' + i)));
    clients.push_back(f.client());
    std::size_t sent = 0;
    const std::string line = wanted.back() + "\n";
    REQUIRE(f.until([&] {
      const ssize_t more =
          ::send(clients.back().fd(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (more > 0) sent += static_cast<std::size_t>(more);
      f.answer_all([](const std::string& request) { return std::to_string(request.size()) + request.back(); });
      return sent == line.size();
    }));
  }
  REQUIRE(f.until([&] {
    f.answer_all([](const std::string& request) { return std::to_string(request.size()) + request.back(); });
    return std::ranges::all_of(clients, [](Wire& wire) { return !wire.received().empty(); });
  }));
  for (std::size_t i = 0; i != clients.size(); ++i)
    CHECK(clients[i].received() == std::to_string(wanted[i].size()) + wanted[i].back() + "\n");
}
