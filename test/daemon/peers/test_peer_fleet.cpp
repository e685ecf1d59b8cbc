#include "daemon/peers/peer_fleet.hpp"
#include "net/session_support.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>

using lonc::core::PeerState;
using lonc::daemon::PeerFleet;
using lonc::net::PeerConfig;
using lonc::net::PeerReport;
using lonc::test::connect_local;
using namespace std::chrono_literals;

namespace {

// Peers of one lond, which answers no request.
struct FleetFixture {
  FleetFixture() : fleet(io, boost::asio::make_strand(io), {log, resolver, gate, clients, spooler}) {}
  ~FleetFixture() {
    bool is_over = false;
    fleet.drain(std::chrono::steady_clock::now(), [&] { is_over = true; });
    until([&] { return is_over; });
  }

  PeerConfig config(const std::string& id) {
    PeerConfig config;
    config.engine.peer_id = id;
    config.engine.own_id = "data1";
    config.engine.pipeline_depth = 1;
    config.name = id + ".example";
    config.address = "127.0.0.1";
    config.port = lond.port();
    config.socket_path = directory / id;
    return config;
  }

  template <typename Condition>
  bool until(Condition condition) {
    return lonc::test::run_until(io, [&] {
      if (auto fd = lond.accept()) connections.push_back(std::make_unique<lonc::test::ScriptedLond>(std::move(fd)));
      for (const auto& connection : connections) connection->poll();
      return condition();
    });
  }

  std::vector<PeerReport> report() {
    std::optional<std::vector<PeerReport>> reports;
    fleet.report([&](std::vector<PeerReport> all) { reports = std::move(all); });
    until([&] { return reports.has_value(); });
    return reports.value_or(std::vector<PeerReport>{});
  }

  bool all_up() {
    return until([&] {
      for (const PeerReport& peer : report())
        if (peer.status.state != PeerState::up) return false;
      return true;
    });
  }

  auto times(std::string_view text) {
    return std::ranges::count_if(log.lines(), [&](const auto& line) { return line.find(text) != std::string::npos; });
  }

  bool is_open(const std::string& id) { return connect_local(directory / id).second == 0; }

  lonc::test::TempDir directory;
  lonc::test::TcpListener lond;
  std::vector<std::unique_ptr<lonc::test::ScriptedLond>> connections;
  lonc::test::KeptLog log;
  lonc::net::Resolver resolver;
  lonc::net::ConnectGate gate{4};
  lonc::net::ClientLimit clients{100};
  boost::asio::io_context io;
  lonc::net::Spooler spooler{
      io, {.directory = directory / "delayed", .permanent_log = directory / "log", .delayed = {}}, log};
  PeerFleet fleet;
};

}  // namespace

TEST_CASE("a session that dies of an exception is reported and restarted; its neighbour is not affected") {
  FleetFixture f;
  f.fleet.start({f.config("msul1"), f.config("msul3")});
  REQUIRE(f.all_up());
  const auto before = f.report();

  f.log.throws_on = "Request Close Connection";
  auto [fd, error] = connect_local(f.directory / "msul1");
  REQUIRE(error == 0);
  lonc::test::Wire client(std::move(fd));
  client.send("close_connection_exit\n");
  REQUIRE(f.until([&] {
    return f.log.has("ABNORMAL EXIT. Session for server [msul1] died through \"exception\" with parameter [log sink]");
  }));
  f.log.throws_on.reset();
  REQUIRE(f.until([&] { return f.is_open("msul1"); }));
  REQUIRE(f.all_up());
  const auto after = f.report();
  REQUIRE(after.size() == 2);
  CHECK(after[0].status.counters.attempts == 1);  // of the new session
  CHECK(after[1].state_since == before[1].state_since);
}

TEST_CASE("a socket that cannot be created is tried again and does not affect other peers") {
  FleetFixture f;
  std::filesystem::create_directory(f.directory / "msul1");
  f.fleet.start({f.config("msul1"), f.config("msul3")});
  CHECK(f.log.has("msul1 [Restarting]: Can't make server socket: "));
  CHECK(f.is_open("msul3"));
  std::filesystem::remove(f.directory / "msul1");
  CHECK(f.until([&] { return f.is_open("msul1"); }));
}

TEST_CASE("if no socket at all can be created the fleet does not start") {
  FleetFixture f;
  std::filesystem::create_directory(f.directory / "msul1");
  CHECK_THROWS_AS(f.fleet.start({f.config("msul1")}), std::system_error);
}

TEST_CASE("a changed configuration adds, removes, moves and adjusts peers; unchanged peers stay as they are") {
  FleetFixture f;
  f.fleet.start({f.config("goes"), f.config("moves"), f.config("stays"), f.config("tunes")});
  REQUIRE(f.all_up());
  PeerConfig moved = f.config("moves");
  moved.name = "elsewhere.example";
  moved.address = "::ffff:127.0.0.1";
  PeerConfig tuned = f.config("tunes");
  tuned.engine.request_timeout = 7s;
  const auto change =
      f.fleet.apply({f.config("comes"), moved, f.config("stays"), tuned}, std::chrono::steady_clock::now() + 1s);
  CHECK(change.added == 1);
  CHECK(change.removed == 1);
  CHECK(change.moved == 1);
  CHECK(change.adjusted == 1);
  REQUIRE(f.until([&] { return !f.is_open("goes") && f.is_open("comes"); }));
  REQUIRE(f.all_up());
  const auto reports = f.report();
  REQUIRE(reports.size() == 4);
  CHECK(reports[1].name == "elsewhere.example");
  for (const std::size_t kept : {2U, 3U}) CHECK(reports[kept].status.counters.attempts == 1);
}

TEST_CASE("a reload tries a peer that was given up again") {
  FleetFixture f;
  PeerConfig config = f.config("msul1");
  config.engine.max_attempts = 1;
  config.port = 1;  // nothing listens there
  f.fleet.start({config});
  REQUIRE(f.until([&] { return f.report().front().status.state == PeerState::given_up; }));
  const auto attempts = f.report().front().status.counters.attempts;
  const auto change = f.fleet.apply({config}, std::chrono::steady_clock::now());
  CHECK(change.adjusted == 0);
  CHECK(f.until([&] { return f.report().front().status.counters.attempts > attempts; }));
}

TEST_CASE("more peers than are queried at once are all reported, in the order of their ids") {
  FleetFixture f;
  std::vector<PeerConfig> configs;
  for (int i = 0; i != 150; ++i) {
    configs.push_back(f.config("p" + std::to_string(1000 + i)));
    configs.back().port = 1;  // nothing listens there
  }
  f.fleet.start(configs);
  const auto reports = f.report();
  REQUIRE(reports.size() == 150);
  for (std::size_t i = 0; i != 150; ++i) CHECK(reports[i].status.peer_id == "p" + std::to_string(1000 + i));
}

TEST_CASE("a peer out of service stays so when its session is restarted, until it is put back") {
  FleetFixture f;
  f.fleet.start({f.config("msul1"), f.config("msul3")});
  REQUIRE(f.all_up());
  f.fleet.pause("msul1", std::chrono::steady_clock::now());
  f.fleet.pause("nobody", std::chrono::steady_clock::now());
  REQUIRE(f.until([&] { return f.report()[0].status.state == PeerState::paused; }));
  CHECK(f.fleet.reconnect() == 1);

  f.log.throws_on = "Put back into service";
  f.fleet.resume("msul1");
  REQUIRE(f.until([&] { return f.log.has("ABNORMAL EXIT. Session for server [msul1]"); }));
  f.log.throws_on.reset();
  f.fleet.pause("msul1", std::chrono::steady_clock::now());
  CHECK(f.until([&] { return f.is_open("msul1") && f.report()[0].status.state == PeerState::paused; }));
  CHECK(f.fleet.without_socket().empty());
  f.fleet.resume("msul1");
  CHECK(f.all_up());
}

TEST_CASE("PeerFleet: a report creates removed sockets again, and logs them in one line") {
  FleetFixture f;
  f.fleet.start({f.config("msul1"), f.config("msul3")});
  REQUIRE(f.all_up());
  std::filesystem::remove(f.directory / "msul1");
  std::filesystem::remove(f.directory / "msul3");
  f.report();
  CHECK(f.is_open("msul1"));
  CHECK(f.is_open("msul3"));
  CHECK(f.log.has("The sockets of msul1, msul3 were gone"));
  CHECK(f.fleet.without_socket().empty());

  std::filesystem::remove(f.directory / "msul1");
  std::filesystem::create_directory(f.directory / "msul1");
  const auto told = [&f] { return f.times("There is no socket for msul1: "); };
  f.report();
  f.report();
  CHECK(told() == 1);
  CHECK(f.fleet.without_socket() == std::vector<std::string>{"msul1"});
  std::filesystem::remove(f.directory / "msul1");
  f.report();
  CHECK(f.fleet.without_socket().empty());
  CHECK(f.is_open("msul1"));
}

TEST_CASE("PeerFleet: a peer whose session waits to be restarted is started at once if its settings change") {
  FleetFixture f;
  std::filesystem::create_directory(f.directory / "msul1");
  f.fleet.start({f.config("msul1"), f.config("msul3")});
  std::filesystem::remove(f.directory / "msul1");
  PeerConfig moved = f.config("msul1");
  moved.address = "127.0.0.2";
  const auto change = f.fleet.apply({moved, f.config("msul3")}, std::chrono::steady_clock::now());
  CHECK(change.moved == 1);
  CHECK(f.is_open("msul1"));
}
