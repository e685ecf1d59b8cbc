// Requests and their answers while the peer is up.
#include "core/engine/engine_harness.hpp"
#include "support/catch.hpp"

#include <malloc.h>

#include <string>
#include <string_view>

using namespace lonc::core;
using lonc::core::test::EngineHarness;
using namespace std::chrono_literals;

TEST_CASE("the first connection sends init, echoes the challenge, sends pong and asks for a build key") {
  EngineHarness h;
  h.start();
  CHECK(h.take() == "open 1");
  h.up(1);
  CHECK(h.take() == "write 1 init");
  h.line(1, "4711 words");
  CHECK(h.take() == "write 1 4711 words");
  h.line(1, "ok");
  CHECK(h.take() == "write 1 pong");
  h.line(1, "msul3:data1");
  CHECK(h.take() == "write 1 ekey");
  h.line(1, "81234A0ABCDEF9870BCD0045678");
  CHECK(h.take().empty());
  CHECK(h.engine.state() == PeerState::up);
  CHECK(h.engine.status().text == "Connected");
  CHECK(h.logs == std::vector<std::string>{"msul3 online"});
}

TEST_CASE("a request is relayed and its reply returned unchanged") {
  EngineHarness h;
  h.come_up();
  h.ask(7, "du:msu:korte");
  CHECK(h.take() == "write 1 du:msu:korte");
  CHECK(h.engine.status().in_flight == 1);
  h.line(1, " 12:a%20b ");
  CHECK(h.take() == "reply 7  12:a%20b ");
  CHECK(h.engine.status().in_flight == 0);
  CHECK(h.engine.status().counters.replies == 1);
}

TEST_CASE("ping is passed on while the peer is up, and so is an empty line") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "ping");
  CHECK(h.take() == "write 1 ping");
  h.line(1, "msul3");
  CHECK(h.take() == "reply 1 msul3");
  h.ask(1, "");
  CHECK(h.take() == "write 1 ");
}

TEST_CASE("an encrypted request is sent as enc: and its reply is returned in clear text") {
  EngineHarness h;
  h.come_up();
  h.ask(7, "encrypt:auth:msu:korte:s3cret");
  CHECK(h.take() == "write 1 enc:21:cc0dade72a1043f04b90dbddd2ef308664e84f737f443863");
  h.line(1, "enc:4:9d9dd89823d2a488");
  CHECK(h.take() == "reply 7 ping");
}

TEST_CASE("the prefix of the reply decides whether it is decoded") {
  EngineHarness h;
  h.come_up();
  h.ask(7, "encrypt:auth:msu:korte:s3cret");
  h.take();
  h.line(1, "refused");
  CHECK(h.take() == "reply 7 refused");
  h.ask(8, "get:x");
  h.take();
  h.line(1, "enc:4:9d9dd89823d2a488");
  CHECK(h.take() == "reply 8 ping");
}

TEST_CASE("a reply that cannot be decoded gives con_lost, and the log does not show the request") {
  EngineHarness h;
  h.come_up();
  h.ask(7, "encrypt:passwd:msu:korte:s3cret:n3w");
  h.take();
  h.line(1, "enc:400:9d9dd89823d2a488");
  CHECK(h.take() == "close 1; reply 7 con_lost");
  REQUIRE(h.count_logs("WARNING: the reply to passwd cannot be decoded") == 1);
  for (const std::string& log : h.logs) CHECK(log.find("s3cret") == std::string::npos);
}

TEST_CASE("a second request opens a second connection and is sent on whichever is free first") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "dump:all");
  h.ask(2, "get:one");
  CHECK(h.take() == "write 1 dump:all; open 2");
  SECTION("the new connection") {
    h.up(2);
    h.line(2, "1");
    CHECK(h.take() == "write 2 init; write 2 1");
    h.line(2, "ok");
    CHECK(h.take() == "write 2 ekey");  // pong was for the first connection only
    h.line(2, "81234A0ABCDEF9870BCD0045678");
    CHECK(h.take() == "write 2 get:one");
    h.line(2, "one");
    h.line(1, "all");
    CHECK(h.take() == "reply 2 one; reply 1 all");
  }
  SECTION("the old one, once it has answered") {
    h.line(1, "all");
    CHECK(h.take() == "reply 1 all; write 1 get:one");
    h.handshake(2);
    h.take();
    h.line(1, "one");
    CHECK(h.take() == "reply 2 one");
  }
}

TEST_CASE("never more than max-connections; waiting requests are sent in the order of arrival") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 2;
  EngineHarness h(settings);
  h.come_up();
  for (std::uint64_t client = 1; client <= 5; ++client) h.ask(client, "echo:" + std::to_string(client));
  CHECK(h.take() == "write 1 echo:1; open 2");
  h.handshake(2);
  CHECK(h.take().ends_with("write 2 echo:2"));
  CHECK(h.engine.status().queued == 3);
  h.line(2, "2");
  h.line(1, "1");
  CHECK(h.take() == "reply 2 2; write 2 echo:3; reply 1 1; write 1 echo:4");
  h.line(2, "3");
  CHECK(h.take() == "reply 3 3; write 2 echo:5");
}

TEST_CASE("surplus connections are closed after idle-timeout, min-connections are kept") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.ask(2, "b");
  h.handshake(2);
  h.line(1, "A");
  h.line(2, "B");
  h.take();
  h.advance(59s);
  CHECK(h.take().empty());
  h.advance(2s);
  CHECK(h.take() == "close 2");
  h.advance(24h);
  CHECK(h.take().empty());
  CHECK(h.engine.status().connections == 1);
}

TEST_CASE("min-connections are opened once the first is up") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.min_connections = 3;
  EngineHarness h(settings);
  h.start();
  CHECK(h.take() == "open 1");
  h.handshake(1, true);
  CHECK(h.take().ends_with("open 2; open 3"));
}

TEST_CASE("a further connection that fails is tried again later, and affects no request") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.ask(2, "b");
  h.take();
  h.fail(2);
  CHECK(h.take() == "close 2");
  CHECK(h.engine.state() == PeerState::up);
  CHECK(h.count_logs("WARNING") == 0);
  h.advance(2s);
  CHECK(h.take() == "open 3");
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; write 1 b");
}

TEST_CASE("a full queue gives con_lost at once, since the request may succeed later") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  settings.max_queue = 1;
  EngineHarness h(settings);
  h.come_up();
  h.ask(1, "a");
  h.ask(2, "b");
  h.ask(3, "c");
  CHECK(h.take() == "write 1 a; reply 3 con_lost");
}

TEST_CASE("the request of a client that has left is dropped while it waits, and the others keep their order") {
  auto settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  settings.max_queue = 3;
  EngineHarness h(settings);
  h.come_up();
  for (const std::uint64_t client : {1U, 2U, 3U, 4U}) h.ask(client, "put:" + std::to_string(client));
  CHECK(h.take() == "write 1 put:1");
  h.engine.client_gone(ClientId{3});
  CHECK(h.engine.status().queued == 2);
  h.ask(5, "put:5");  // there is room again
  h.engine.client_gone(ClientId{1});  // in flight: its answer is still replied; the client is gone
  for (int answers = 0; answers != 4; ++answers) h.line(1, "ok");
  CHECK(h.take() == "reply 1 ok; write 1 put:2; reply 2 ok; write 1 put:4; reply 4 ok; write 1 put:5; reply 5 ok");
}

TEST_CASE("the requests of clients that leave while they wait for the first connection are not sent") {
  auto settings = EngineHarness::default_settings();
  settings.pipeline_depth = 8;
  settings.pipeline_safe = CommandSet::parse("get").value();
  EngineHarness h(settings);
  h.start();
  h.ask(1, "get:1");
  h.ask(2, "put:2");
  h.ask(3, "get:3");
  for (const std::uint64_t client : {1U, 2U, 3U}) h.engine.client_gone(ClientId{client});
  h.engine.client_gone(ClientId{9});
  CHECK(h.engine.status().queued == 0);
  h.handshake(1, true);
  CHECK(h.take().find("put") == std::string::npos);
  h.advance(1h);
  CHECK(h.take().find("reply") == std::string::npos);
}

TEST_CASE("a request line that is too long is an error: it can never succeed") {
  EngineHarness h;
  h.come_up();
  h.engine.client_line_too_long(h.now, ClientId{4});
  CHECK(h.take() == "reply 4 error:line longer than 16777216 bytes");
}

TEST_CASE("a reply that is too long is an error, not con_lost, for the request it answers") {
  EngineHarness h;
  h.come_up();
  h.advance(20s);
  h.ask(1, "dump");
  h.take();
  h.closed(1, Errc::reply_too_long);
  CHECK(h.take() == "close 1; reply 1 error:reply longer than 16777216 bytes; open 2");
}

TEST_CASE("exit is passed on; its connection is not used again") {
  EngineHarness h;
  h.come_up();
  h.advance(5s);
  h.ask(1, "exit");
  h.ask(2, "get");
  CHECK(h.take() == "write 1 exit; open 2");
  h.line(1, "bye");
  CHECK(h.take() == "reply 1 bye; close 1");
  h.handshake(2);
  CHECK(h.take().ends_with("write 2 get"));
}

TEST_CASE("exit on the only connection: another is opened at once and no outage is logged") {
  EngineHarness h;
  h.come_up();
  h.advance(5s);
  h.ask(1, "exit");
  h.line(1, "bye");
  CHECK(h.take() == "write 1 exit; reply 1 bye; close 1; open 2");
  h.ask(2, "get");
  h.handshake(2);
  CHECK(h.take().ends_with("write 2 get"));
  CHECK(h.count_logs("WARNING") + h.count_logs("INFO") == 0);
}

TEST_CASE("no memory is kept of a long request or a long answer") {
  EngineHarness h;
  h.come_up();
  const auto in_use = [] {
    const auto memory = ::mallinfo2();
    return memory.uordblks + memory.hblkhd;
  };
  const std::string text(4'000'000, 'k');
  std::string digits;
  while (digits.size() < text.size()) digits += "9d9dd89823d2a488";  // "ping", encrypted
  const std::string request = "put:" + text;
  const std::string encrypted = "encrypt:put:" + text;
  const std::string reply = "enc:" + std::to_string(digits.size() / 2) + ":" + digits;
  const std::size_t before = in_use();
  const auto exchange = [&](std::string_view asked, std::string_view answer) {
    h.ask(1, asked);
    std::size_t shown = h.take().size();
    CHECK(in_use() < before + 100'000);
    h.line(1, answer);
    shown += h.take().size();
    CHECK(shown > text.size() / 2);
    CHECK(in_use() < before + 100'000);
  };
  exchange(request, "ok");
  exchange(encrypted, "ok");
  exchange("get:1", text);
  exchange("get:1", reply);
}

TEST_CASE("close_connection_exit closes stuck connections, and none that answers") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 2;
  EngineHarness h(settings);
  h.come_up();
  h.advance(5s);
  h.ask(1, "slow");
  h.ask(2, "get");
  h.handshake(2);
  h.take();
  h.advance(4s);
  h.ask(3, "close_connection_exit");
  CHECK(h.take() == "close client 3");
  h.lines(1, {}, "the beginning of an ans");
  h.line(2, "got");
  CHECK(h.take() == "reply 2 got");
  h.advance(4s);
  h.ask(4, "close_connection_exit");
  CHECK(h.take() == "close client 4");
  h.advance(1s);
  h.ask(5, "close_connection_exit");
  CHECK(h.take() == "close client 5; close 1; reply 1 con_lost");
  h.ask(6, "put");
  CHECK(h.take() == "write 2 put");
}

TEST_CASE("close_connection_exit closes an idle connection that has not answered for a minute, and only once") {
  EngineHarness h;
  h.come_up();
  h.advance(59s);
  h.ask(1, "close_connection_exit");
  CHECK(h.take() == "close client 1");
  h.advance(1s);
  h.ask(2, "close_connection_exit");
  CHECK(h.take() == "close client 2; close 1; open 2");
  h.ask(3, "close_connection_exit");
  h.handshake(2);
  h.ask(4, "close_connection_exit");
  const std::string taken = h.take();
  CHECK(taken.starts_with("close client 3; "));
  CHECK(taken.ends_with("; close client 4"));
}

TEST_CASE(
    "close_connection_exit of 64 workers while the peer is away: attempts continue, and no answer is lost later") {
  EngineHarness h;
  h.come_up();
  h.advance(20s);
  h.closed(1, std::make_error_code(std::errc::connection_reset));
  h.fail(2);
  std::uint64_t connection = 2;
  const auto fail_attempts = [&] {
    const std::string taken = h.take();
    if (const auto at = taken.rfind("open "); at != std::string::npos)
      h.fail(connection = std::stoull(taken.substr(at + 5)));
  };
  h.take();
  for (int tenth = 0; tenth != 300; ++tenth) {
    for (std::uint64_t worker = 0; worker != 64; ++worker) {
      if (tenth % 50 == static_cast<int>(worker % 50)) h.ask(worker, "close_connection_exit");
    }
    fail_attempts();
    h.advance(100ms);
  }
  h.advance(1s);
  h.ask(1, "get");
  h.advance(1s);
  const std::string taken = h.take();
  const auto at = taken.rfind("open ");
  REQUIRE(at != std::string::npos);
  connection = std::stoull(taken.substr(at + 5));
  h.handshake(connection);
  h.take();
  for (int second = 0; second != 10; ++second) {
    h.ask(1, "get");
    for (std::uint64_t worker = 64; worker != 128; ++worker) h.ask(worker, "close_connection_exit");
    h.advance(500ms);
    h.line(connection, "got");
    CHECK(h.take().ends_with("reply 1 got"));
  }
}

TEST_CASE("a peer that serves fewer connections than are needed is up, and further ones are tried rarely") {
  EngineHarness h;
  h.come_up();
  std::uint64_t opened = 0;
  std::uint64_t answered = 0;
  h.ask(1, "a");
  for (int second = 0; second != 600; ++second) {
    h.ask(static_cast<std::uint64_t>(second) + 2, "b");
    for (const std::string& action : std::exchange(h.actions, {})) {
      if (action.starts_with("open ")) {
        ++opened;
        h.up(std::stoull(action.substr(5)));  // and then it is silent
      }
      CHECK_FALSE(action.ends_with("con_lost"));
      if (action.starts_with("reply")) ++answered;
    }
    h.advance(1s);
    h.line(1, "c");
  }
  CHECK(answered == 599);
  CHECK(opened <= 10);
  CHECK_FALSE(h.engine.status().last_error);
  CHECK(h.engine.status().counters.failed_attempts == 0);
  CHECK(h.engine.status().text == "Connected; serves no more than 1 connection");
  CHECK(h.count_logs("WARNING") == 0);
}
