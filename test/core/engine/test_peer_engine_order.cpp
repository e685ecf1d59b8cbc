// No reply is ever given to a request other than its own.
#include "core/engine/engine_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using lonc::core::test::EngineHarness;
using namespace std::chrono_literals;

TEST_CASE("a request that is not answered in time gets con_lost; its connection is closed, its late reply discarded") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "slow");
  h.take();
  h.advance(299s);
  CHECK(h.take().empty());
  h.advance(1s);
  CHECK(h.take() == "close 1; reply 1 con_lost; open 2");
  h.handshake(2);
  h.take();
  h.ask(2, "other");
  CHECK(h.take() == "write 2 other");
  h.line(1, "the answer to slow");
  CHECK(h.take().empty());
  h.line(2, "the answer to other");
  CHECK(h.take() == "reply 2 the answer to other");
  CHECK(h.engine.status().counters.timeouts == 1);
  CHECK(h.count_logs("WARNING: ? was not answered") == 1);
}

TEST_CASE("a timeout on a young connection is no failure of the peer: it is reconnected at once") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.request_timeout = 2s;
  EngineHarness h(settings);
  h.come_up();
  for (std::uint64_t connection = 1; connection <= 3; ++connection) {
    h.ask(connection, "slow");
    h.take();
    h.advance(2s);
    CHECK(h.take() == "close " + std::to_string(connection) + "; reply " + std::to_string(connection) +
                          " con_lost; open " + std::to_string(connection + 1));
    h.handshake(connection + 1);
    h.take();
  }
  CHECK(h.engine.state() == PeerState::up);
}

TEST_CASE("a client's timeout starts when its line is accepted, the connection's when the line is written") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  EngineHarness h(settings);
  h.come_up();
  h.ask(1, "first");
  h.advance(100s);
  h.ask(2, "second");
  h.advance(100s);
  h.line(1, "1");
  CHECK(h.take() == "write 1 first; reply 1 1; write 1 second");
  h.advance(199s);
  CHECK(h.take().empty());
  h.advance(1s);
  CHECK(h.take() == "reply 2 con_lost");
  CHECK(h.engine.status().counters.timeouts == 1);
  SECTION("its answer arrives later, and is discarded") {
    h.ask(3, "third");
    h.line(1, "2");
    CHECK(h.take() == "write 1 third");
    h.line(1, "3");
    CHECK(h.take() == "reply 3 3");
  }
  SECTION("it does not arrive") {
    h.advance(99s);
    CHECK(h.take().empty());
    h.advance(1s);
    CHECK(h.take() == "close 1; open 2");
    CHECK(h.engine.status().counters.timeouts == 1);
  }
}

TEST_CASE("overload: requests that the peer cannot answer in the remaining time get con_lost while in the queue") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  settings.request_timeout = 5s;
  EngineHarness h(settings);
  h.come_up();
  std::uint64_t answered = 0;
  std::uint64_t asked = 0;
  for (; asked != 400; ++asked) h.ask(asked, "get");
  std::string taken = h.take();
  for (int step = 0; step != 400; ++step) {
    h.advance(50ms);
    h.line(1, "a");
    taken = h.take();
    CHECK(taken.find("close") == std::string::npos);
    if (taken.find(" a") != std::string::npos) ++answered;
    for (std::size_t at = 0; (at = taken.find("reply", at)) != std::string::npos; ++at) h.ask(asked++, "get");
  }
  // A peer that takes 50 ms for a request can answer 400 in that time, however many wait.
  CHECK(answered >= 398);
  CHECK_FALSE(h.engine.status().last_error);
}

TEST_CASE("a request that waited too long for a connection gets con_lost and is never sent") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  EngineHarness h(settings);
  h.come_up();
  h.ask(1, "first");
  h.ask(2, "second");
  h.take();
  h.advance(300s);
  CHECK(h.take() == "close 1; reply 1 con_lost; open 2; reply 2 con_lost");
  h.handshake(2);
  CHECK(h.take().find("second") == std::string::npos);
}

TEST_CASE("an unsolicited line closes the connection") {
  EngineHarness h;
  h.come_up();
  h.advance(20s);
  h.line(1, "hello");
  CHECK(h.take() == "close 1; open 2");
  CHECK(h.engine.status().last_error.code == Errc::out_of_turn);
}

TEST_CASE("two lines for one request: neither is passed on") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.ask(2, "b");
  h.take();
  h.lines(1, {"A", "late"});
  CHECK(h.take() == "close 1; reply 1 con_lost");
  h.line(1, "A");
  CHECK(h.take().empty());
  h.handshake(2);
  CHECK(h.take().ends_with("write 2 b"));
}

TEST_CASE("a connection that ended while idle is detected before a request is written to it") {
  EngineHarness h;
  h.come_up();
  h.advance(20s);
  h.noisy = {1};
  h.ask(1, "get");
  CHECK(h.take() == "close 1; open 2");
  h.handshake(2);
  CHECK(h.take().ends_with("write 2 get"));
  h.line(2, "got");
  CHECK(h.take() == "reply 1 got");
}

TEST_CASE("a broken connection costs only the request that was on it") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.ask(2, "b");
  h.handshake(2);
  h.take();
  h.closed(2);
  CHECK(h.take() == "close 2; reply 2 con_lost");
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A");
}

TEST_CASE("a request is never repeated once it has been written") {
  EngineHarness h;
  h.come_up();
  h.advance(20s);
  h.ask(1, "put:x");
  h.take();
  h.closed(1);
  CHECK(h.take() == "close 1; reply 1 con_lost; open 2");
  h.handshake(2);
  CHECK(h.take().find("put") == std::string::npos);
}

TEST_CASE("whatever happens after any step of an exchange, each request is answered exactly once, by its own reply") {
  // Each fault occurs after each step of the same scenario; the scenario continues as if nothing had happened.
  const auto faults = {std::string("closed"), std::string("late"),  std::string("unasked"),
                       std::string("hang"),   std::string("drain"), std::string("close request")};
  for (const std::string& fault : faults) {
    for (unsigned broken_step = 0; broken_step < 14; ++broken_step) {
      EngineHarness h;
      unsigned step = 0;
      const auto after_step = [&] {
        if (step++ != broken_step) return;
        if (fault == "closed") h.closed(1);
        if (fault == "late") h.advance(301s);
        if (fault == "unasked") h.line(1, "unasked");
        if (fault == "hang") h.advance(11s);
        if (fault == "drain") h.engine.drain(h.now, h.now + 1s);
        if (fault == "close request") h.ask(99, "close_connection_exit");
      };
      h.start();
      after_step();
      h.up(1);
      after_step();
      for (const char* line : {"4711", "ok", "msul3:data1", "4711"}) {
        h.line(1, line);
        after_step();
      }
      for (std::uint64_t client = 1; client <= 4; ++client) {
        h.ask(client, "echo:" + std::to_string(client));
        after_step();
        h.line(1, "answer " + std::to_string(client));
        after_step();
      }
      h.advance(400s);
      INFO(fault << " after step " << broken_step);
      std::map<std::string, unsigned> answers;
      for (const std::string& action : h.actions) {
        if (!action.starts_with("reply ")) continue;
        const std::string client = action.substr(6, action.find(' ', 6) - 6);
        const std::string text = action.substr(7 + client.size());
        ++answers[client];
        CHECK((text == "con_lost" || text == "answer " + client || fault == "unasked"));
      }
      CHECK(answers.size() == 4);
      for (const auto& [client, count] : answers) CHECK(count == 1);
    }
  }
}
