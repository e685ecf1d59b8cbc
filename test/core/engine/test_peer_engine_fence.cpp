// The fence after each batch: a missing, duplicate or additional line never moves an answer to another client, and a
// peer that does not answer the fence or ends its lines twice loses no answer.
#include "core/engine/batch_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using namespace lonc::core::test;
using namespace std::chrono_literals;

TEST_CASE("a single request is followed by a fence, and is answered when the fence has been answered") {
  EngineHarness h(batched());
  h.come_up();
  h.ask(1, "put:1");
  CHECK(h.take() == "write 1 put:1 + ping");
  h.line(1, "ok");
  CHECK(h.take().empty());
  h.line(1, "msul3");
  CHECK(h.take() == "reply 1 ok");
}

TEST_CASE("exit is not followed by a fence, since lond hangs up after it") {
  EngineHarness h(batched());
  h.come_up();
  h.ask(1, "exit");
  CHECK(h.take() == "write 1 exit");
  h.line(1, "bye");
  CHECK(h.take() == "reply 1 bye; close 1; open 2");
}

TEST_CASE("an omitted answer moves no answer to another client: the whole batch gets con_lost, soon") {
  Proven h;
  h.ask(1, "get:1");
  for (std::uint64_t client = 2; client <= 4; ++client) h.ask(client, "get:" + std::to_string(client));
  h.lines(1, {"a", "msul3"});
  h.take();
  h.lines(1, {"b", "d", "msul3"});
  h.advance(4s);
  CHECK(h.take().empty());
  h.advance(1s);
  CHECK(h.take() == "close 1; reply 2 con_lost; reply 3 con_lost; reply 4 con_lost; open 2");
  CHECK(h.logs ==
        std::vector<std::string>{
            "WARNING: msul3 spoke out of turn: 3 lines for 3 requests and a fence (get); all of them get con_lost; "
            "the connection is closed, and requests go to it one at a time for a while"});
}

TEST_CASE("a duplicate answer reaches no other client, even if the last answers arrive late") {
  Proven h;
  h.ask(1, "get:1");
  for (std::uint64_t client = 2; client <= 4; ++client) h.ask(client, "get:" + std::to_string(client));
  h.lines(1, {"a", "msul3"});
  h.take();
  h.line(1, "b");
  h.line(1, "b");
  h.line(1, "c");
  CHECK(h.take().empty());
  h.line(1, "d");
  CHECK(h.take() == "close 1; reply 2 con_lost; reply 3 con_lost; reply 4 con_lost; open 2");
  CHECK(h.engine.status().counters.out_of_turn == 1);
}

TEST_CASE("a copy that arrives after the next request was written is detected before that request is answered") {
  EngineHarness h(batched());
  h.come_up();
  h.ask(1, "put:1");
  h.lines(1, {"a", "msul3"});
  h.ask(2, "put:2");
  h.take();
  h.line(1, "a");
  h.line(1, "b");
  CHECK(h.take() == "close 1; reply 2 con_lost; open 2");
}

TEST_CASE("unsolicited lines and bytes end a connection at once") {
  EngineHarness h(batched());
  h.come_up();
  h.advance(20s);
  h.ask(1, "put:1");
  SECTION("a line after the last answer") {
    h.lines(1, {"a", "msul3", "b"});
    CHECK(h.take() == "write 1 put:1 + ping; close 1; reply 1 con_lost; open 2");
  }
  SECTION("half a line after it") {
    h.lines(1, {"a", "msul3"}, "b");
    CHECK(h.take() == "write 1 put:1 + ping; close 1; reply 1 con_lost; open 2");
  }
  SECTION("a line with nothing in flight") {
    h.lines(1, {"a", "msul3"});
    h.take();
    h.line(1, "b");
    CHECK(h.take() == "close 1; open 2");
  }
  SECTION("half a line with nothing in flight") {
    h.lines(1, {"a", "msul3"});
    h.take();
    h.lines(1, {}, "b");
    CHECK(h.take() == "close 1; open 2");
  }
  CHECK(h.count_logs("WARNING: msul3 spoke out of turn: ") == 1);
}

TEST_CASE("a peer that spoke out of turn gets one request at a time for pipeline-trust, also after HUP") {
  Proven h;
  h.line(1, "b");
  h.handshake(2);
  h.take();
  const auto is_batched = [&] {
    for (std::uint64_t client = 1; client <= 3; ++client) h.ask(client, "get:" + std::to_string(client));
    bool found = false;
    while (h.engine.status().in_flight != 0) {
      std::vector<std::string_view> all(h.engine.status().in_flight, "a");
      all.emplace_back("msul3");
      found |= all.size() > 2;
      h.lines(2, all);
    }
    return found;
  };
  for (int round = 0; round != 10; ++round) CHECK_FALSE(is_batched());
  CHECK(h.engine.status().text == "Connected; spoke out of turn, so requests go one at a time for a while");
  h.engine.apply(h.now, batched());
  CHECK_FALSE(is_batched());
  h.advance(9min);
  CHECK_FALSE(is_batched());
  h.advance(1min);
  bool found = false;
  for (int round = 0; round != 40; ++round) found |= is_batched();
  CHECK(found);
  CHECK(h.engine.status().text == "Connected");
}

TEST_CASE("the answer of a peer that closes after it is valid, and the peer is reconnected at once") {
  EngineHarness h(batched());
  h.come_up();
  for (std::uint64_t connection = 1; connection != 6; ++connection) {
    h.ask(connection, "put:1");
    h.take();
    h.line(connection, "ok");
    h.closed(connection, connection % 2 == 0 ? make_error_code(std::errc::connection_reset) : Errc::connection_closed);
    const std::string number = std::to_string(connection);
    const std::string next = "open " + std::to_string(connection + 1);
    // From the fourth on there is no fence, and the answer does not wait for the end of the connection.
    CHECK(h.take() == (connection < 4 ? "close " + number + "; reply " + number + " ok; " + next
                                      : "reply " + number + " ok; close " + number + "; " + next));
    h.handshake(connection + 1);
    h.take();
  }
  CHECK(h.engine.status().counters.con_lost == 0);
}

TEST_CASE("a late copy of an answer reaches no client, even if the connection ends after it") {
  EngineHarness h(batched());
  h.come_up();
  h.ask(1, "put:1");
  h.lines(1, {"a", "msul3"});
  h.advance(20s);
  h.ask(2, "put:2");
  h.take();
  h.line(1, "a");
  h.closed(1);
  CHECK(h.take().find("reply 2 con_lost") != std::string::npos);
}

TEST_CASE("the answer to the fence is not taken for an omitted answer to a request") {
  EngineHarness h(batched());
  h.come_up();
  h.advance(20s);
  h.ask(1, "put:1");
  h.take();
  h.line(1, "msul3");
  SECTION("the connection ends") { h.closed(1); }
  SECTION("all is silent") { h.advance(5s); }
  CHECK(h.take() == "close 1; reply 1 con_lost; open 2");
}

TEST_CASE("a client's own ping is answered like other requests") {
  EngineHarness h(batched());
  h.come_up();
  h.ask(1, "ping");
  CHECK(h.take() == "write 1 ping + ping");
  h.line(1, "msul3");
  CHECK(h.take().empty());
  h.line(1, "msul3");
  CHECK(h.take() == "reply 1 msul3");
}

// Its answer and that to the fence are the same line, so only the first line shows that one is too many.
TEST_CASE("a late copy of an answer is not the answer to a client's own ping") {
  EngineHarness h(batched());
  h.come_up();
  const bool is_first = GENERATE(true, false);
  if (!is_first) {
    h.ask(1, "get:1");
    h.take();
    h.lines(1, {"a", "msul3"});
    CHECK(h.take() == "reply 1 a");
  }
  h.ask(2, "ping");
  CHECK(h.take() == "write 1 ping + ping");
  h.lines(1, {"a", "msul3"});
  CHECK(h.take() == (is_first ? "close 1; reply 2 con_lost" : "close 1; reply 2 con_lost; open 2"));
}

TEST_CASE("the answer to a client's own ping is not that to the fence, come too early") {
  PeerSettings settings = batched();
  settings.pipeline_safe = *CommandSet::parse("get, ping");
  Proven h(settings);
  h.ask(1, "get:1");
  h.ask(2, "ping");
  h.ask(3, "get:3");
  h.lines(1, {"a", "msul3"});
  CHECK(h.take() == "write 1 get:1 + ping; reply 1 a; write 1 ping + get:3 + ping");
  h.line(1, "msul3");
  h.advance(6s);
  CHECK(h.take().empty());
  h.lines(1, {"c", "msul3"});
  CHECK(h.take() == "reply 2 msul3; reply 3 c");
}

TEST_CASE("the answer to an encrypted ping of a client is not compared with that to the fence") {
  EngineHarness h(batched());
  h.come_up();
  h.ask(1, "encrypt:ping");
  h.take();
  h.lines(1, {"enc:4:9d9dd89823d2a488", "msul3"});
  CHECK(h.take() == "reply 1 ping");
}

TEST_CASE("a surplus line is noticed even if the answer behind it reads like that to the fence") {
  EngineHarness h(batched());
  h.come_up();
  h.ask(1, "get:id");
  h.take();
  h.lines(1, {"late", "msul3", "msul3"});
  CHECK(h.take() == "close 1; reply 1 con_lost");
}

TEST_CASE("a duplicate first answer does not make the peer one without a fence") {
  EngineHarness h(batched());
  h.come_up();
  h.ask(1, "put:1");
  h.take();
  h.lines(1, {"ok", "ok"});
  CHECK(h.take() == "close 1; reply 1 con_lost");
  CHECK(h.engine.status().counters.out_of_turn == 1);
}

TEST_CASE("only a whole id of the peer is the answer to the fence") {
  Proven h;
  h.ask(1, "get:1");
  h.take();
  h.lines(1, {"a", GENERATE("m", "msul", "msul33", "sul3", " msul3")});
  CHECK(h.take() == "close 1; reply 1 con_lost; open 2");
}

TEST_CASE("a peer that does not answer the fence gets one request at a time without it, and no answer is lost") {
  EngineHarness h(batched(4, 1));
  h.come_up();
  const std::string way = GENERATE("silent", "other", "closes");
  for (std::uint64_t connection = 1; connection <= 3; ++connection) {
    h.ask(connection, "put:1");
    CHECK(h.take() == "write " + std::to_string(connection) + " put:1 + ping");
    if (way == "other") {
      h.lines(connection, {"ok", "unknown_cmd"});
    } else {
      h.line(connection, "ok");
    }
    if (way == "silent") h.advance(5s);
    if (way == "closes") h.closed(connection);
    const std::string taken = h.take();
    CHECK(taken.find("reply " + std::to_string(connection) + " ok") != std::string::npos);
    CHECK(taken.find("con_lost") == std::string::npos);
    h.handshake(connection + 1);
    h.take();
  }
  h.ask(9, "put:1");
  CHECK(h.take() == "write 4 put:1");
  h.line(4, "ok");
  CHECK(h.take() == "reply 9 ok");
  CHECK(h.engine.status().text == "Connected; does not answer a ping after a request, so requests go one at a time");
  h.advance(10min);
  h.ask(9, "put:1");
  CHECK(h.take().ends_with("put:1 + ping"));
}

TEST_CASE(
    "a peer whose fence worked recently: a wrong answer to it is a fault, and the next request has a fence again") {
  EngineHarness h(batched(4, 1));
  h.come_up();
  h.ask(1, "put:1");
  h.lines(1, {"ok", "msul3"});
  h.closed(1);
  h.take();
  for (std::uint64_t connection = 2; connection <= 4; ++connection) {
    h.advance(10s);
    h.handshake(connection, connection != 2);  // after a mistake lond is asked for its id
    h.take();
    h.ask(connection, "put:1");
    CHECK(h.take() == "write " + std::to_string(connection) + " put:1 + ping");
    h.lines(connection, {"ok", "not asked for"});
    CHECK(h.take().find("reply " + std::to_string(connection) + " con_lost") != std::string::npos);
  }
  h.advance(20min);  // by then another lond may be running
  h.handshake(5, true);
  h.take();
  h.ask(9, "put:1");
  h.take();
  h.lines(5, {"ok", "unknown_cmd"});
  CHECK(h.take().find("reply 9 ok") != std::string::npos);
}

TEST_CASE("the fence is answered with the id that lond gave in its answer to pong") {
  EngineHarness h(batched());
  h.start();
  h.up(1);
  h.line(1, "4711");
  h.line(1, "ok");
  h.line(1, "msul3lib:data1");
  h.line(1, "81234A0ABCDEF9870BCD0045678");
  h.take();
  h.ask(1, "put:1");
  h.lines(1, {"ok", "msul3lib"});
  CHECK(h.take() == "write 1 put:1 + ping; reply 1 ok");
}

TEST_CASE("duplicate line ends do no harm") {
  EngineHarness h(batched());
  h.come_up();
  h.ask(1, "put:1");
  h.take();
  SECTION("after an answer") {
    h.lines(1, {"a", "", "msul3"});
    CHECK(h.take() == "reply 1 a");
  }
  SECTION("after the fence") {
    h.lines(1, {"a", "msul3", ""});
    CHECK(h.take() == "reply 1 a");
  }
  SECTION("later, with nothing in flight") {
    h.lines(1, {"a", "msul3"});
    h.line(1, "");
    CHECK(h.take() == "reply 1 a");
  }
  SECTION("also after an empty answer") {
    h.lines(1, {"", "", "msul3", ""});
    CHECK(h.take() == "reply 1 ");
  }
  CHECK(h.engine.status().counters.empty_lines >= 1);
  CHECK(h.count_logs("WARNING: msul3 ended a reply with two line ends") == 1);
  // From now on also before an answer, where a line end of the previous fence arrives late.
  h.ask(2, "put:2");
  h.lines(1, {"", "b", "msul3"});
  CHECK(h.take() == "write 1 put:2 + ping; reply 2 b");
  h.ask(3, "put:3");
  h.lines(1, {"", "msul3"});
  CHECK(h.take() == "write 1 put:3 + ping; reply 3 ");
  CHECK(h.engine.status().text == "Connected; ends replies with two line ends, so requests go one at a time");
}

TEST_CASE("a peer that has ended a reply with two line ends gets batches of one") {
  Proven h;
  h.line(1, "");
  for (std::uint64_t client = 1; client <= 3; ++client) h.ask(client, "get:" + std::to_string(client));
  h.take();
  h.lines(1, {"a", "", "msul3", ""});
  CHECK(h.take() == "reply 1 a; write 1 get:2 + ping");
}

TEST_CASE("an unsolicited empty line ends the connection of a peer that has not ended replies twice before") {
  EngineHarness h(batched());
  h.come_up();
  h.advance(20s);
  h.ask(1, "put:1");
  h.take();
  h.lines(1, {"", "a", "msul3"});
  CHECK(h.take() == "close 1; reply 1 con_lost; open 2");
}

// Whatever is wrong with one line, no answer reaches a client other than the one that asked. Each answer is the number
// of its request; one answer, to a request or a fence, is omitted, doubled, doubled later, or preceded by another line.
TEST_CASE("one wrong line, wherever it is, gives no client the answer of another") {
  const auto fault = GENERATE(0, 1, 2, 3);
  const auto pieces = GENERATE(1U, 2U, 100U);  // lines in one read
  const std::string word = GENERATE("get", "put");
  unsigned answered = 0;
  for (std::size_t place = 0; place != 60; ++place) {
    Proven h(batched(8));
    std::uint64_t connection = 1;
    std::uint64_t client = 100;
    std::size_t line = 0;
    std::string late;
    for (int round = 0; round != 12; ++round) {
      for (int more = 0; more != 5; ++more, ++client) h.ask(client, word + ":" + std::to_string(client));
      h.advance(6s);
      while (!h.actions.empty()) {
        const std::string action = h.actions.front();
        h.actions.erase(h.actions.begin());
        if (action.starts_with("open ")) {
          connection = std::stoull(action.substr(5));
          h.handshake(connection);
        }
        if (action.starts_with("reply ") && !action.ends_with("con_lost")) {
          const std::size_t end = action.find(' ', 6);
          CHECK(action.substr(6, end - 6) == action.substr(end + 1));
          ++answered;
        }
        if (!action.starts_with("write ") || action.find(word) == std::string::npos) continue;
        const std::size_t to = std::stoull(action.substr(6));
        std::vector<std::string> lines;
        std::string rest = action.substr(action.find(' ', 6) + 1) + " + ";
        for (std::size_t end = 0; (end = rest.find(" + ")) != std::string::npos; rest.erase(0, end + 3)) {
          const std::string request = rest.substr(0, end);
          const std::string answer = request == "ping" ? "msul3" : request.substr(request.find(':') + 1);
          if (!late.empty()) lines.push_back(std::exchange(late, {}));
          if (line++ == place) {
            if (fault == 0) continue;
            if (fault == 1) lines.push_back(answer);
            if (fault == 2) late = answer;
            if (fault == 3) lines.push_back("9");
          }
          lines.push_back(answer);
        }
        for (std::size_t first = 0; first < lines.size(); first += pieces) {
          const std::size_t last = std::min(lines.size(), first + pieces);
          h.lines(to, std::vector<std::string_view>(lines.begin() + static_cast<std::ptrdiff_t>(first),
                                                    lines.begin() + static_cast<std::ptrdiff_t>(last)));
        }
      }
    }
  }
  CHECK(answered > 1000);
}

TEST_CASE("a lond that answers with a different id than before is asked for it, so that its fence is recognized") {
  EngineHarness h(batched());
  h.come_up();
  h.ask(1, "put:1");
  h.lines(1, {"ok", "msul3"});
  h.closed(1);
  h.advance(1s);
  h.handshake(2);
  h.ask(2, "put:2");
  h.lines(2, {"ok", "msul3lib"});
  CHECK(h.take().find("reply 2 con_lost") != std::string::npos);
  h.advance(10s);
  h.up(3);
  h.line(3, "4711");
  h.line(3, "ok");
  CHECK(h.take().ends_with("write 3 pong"));
  h.line(3, "msul3lib:data1");
  h.line(3, "81234A0ABCDEF9870BCD0045678");
  h.ask(3, "put:3");
  h.lines(3, {"ok", "msul3lib"});
  CHECK(h.take().ends_with("reply 3 ok"));
}
