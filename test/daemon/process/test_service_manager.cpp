#include "daemon/process/service_manager.hpp"
#include "daemon/status_support.hpp"
#include "net/net_support.hpp"
#include "support/catch.hpp"
#include "support/notify_socket.hpp"

#include <boost/asio/strand.hpp>
#include <unistd.h>

#include <cstdlib>
#include <regex>
#include <string>
#include <utility>
#include <vector>

using lonc::core::PeerState;
using lonc::daemon::status_line;
using lonc::daemon::StatusBoard;
using lonc::daemon::StatusLine;
using lonc::daemon::Watchdog;
using lonc::net::PeerReport;
using lonc::test::NotifySocket;
namespace net = lonc::net;
namespace service_manager = lonc::daemon::service_manager;
using namespace std::chrono_literals;

TEST_CASE("systemd is notified of start, reload and stop") {
  const NotifySocket systemd;
  CHECK_FALSE(service_manager::ready("2 peers"));
  CHECK(systemd.next() == "READY=1\nSTATUS=2 peers");
  CHECK_FALSE(service_manager::reloading());
  CHECK(std::regex_match(systemd.next(),
                         std::regex{"RELOADING=1\nMONOTONIC_USEC=[1-9]\\d*\nSTATUS=Reading the configuration"}));
  CHECK_FALSE(service_manager::status("1 of 2 peers is away"));
  CHECK(systemd.next() == "STATUS=1 of 2 peers is away");
  CHECK_FALSE(service_manager::stopping("Draining", std::chrono::minutes{2}));
  CHECK(systemd.next() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=120000000\nSTATUS=Draining");
}

TEST_CASE("systemd sets the watchdog limit for this process, and gets its watchdog signals") {
  const NotifySocket systemd;
  CHECK(service_manager::is_there());
  CHECK(service_manager::watchdog_limit() == std::chrono::microseconds{0});
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  CHECK(service_manager::watchdog_limit() == std::chrono::seconds{3});
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK(service_manager::watchdog_limit() == std::chrono::microseconds{0});
  ::unsetenv("WATCHDOG_PID");
  ::unsetenv("WATCHDOG_USEC");
  CHECK_FALSE(service_manager::alive());
  CHECK(systemd.next() == "WATCHDOG=1");
}

TEST_CASE("a status text cannot add a field") {
  const NotifySocket systemd;
  CHECK_FALSE(service_manager::status("a\nMAINPID=1"));
  CHECK(systemd.next() == "STATUS=a MAINPID=1");
}

TEST_CASE("without systemd nothing is sent and nothing fails") {
  ::unsetenv("NOTIFY_SOCKET");
  CHECK_FALSE(service_manager::is_there());
  CHECK_FALSE(service_manager::ready("x"));
  CHECK_FALSE(service_manager::reloading());
  CHECK_FALSE(service_manager::stopping("x", std::chrono::seconds{1}));
}

TEST_CASE("a notification that cannot be sent is an error") {
  ::setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
  CHECK(service_manager::ready("x"));
  ::unsetenv("NOTIFY_SOCKET");
}

namespace {

PeerReport peer(std::string id, PeerState state) {
  PeerReport report;
  report.status.peer_id = std::move(id);
  report.status.state = state;
  return report;
}

struct LineFixture {
  NotifySocket systemd;
  boost::asio::io_context io;
  lonc::test::FakeStatusSource source;
  std::vector<PeerReport>& peers = source.peers;
  std::string& missing = source.daemon.why_not_ready;
  net::Strand strand = boost::asio::make_strand(io);
  StatusBoard board{strand, source};
  StatusLine line{strand, board};

  LineFixture() { peers = {peer("msul1", PeerState::up), peer("msul3", PeerState::starting)}; }

  // The next message; runs the loop until it arrives.
  std::string next() {
    lonc::test::run_until(io, [this] { return systemd.has_next(); });
    return systemd.next();
  }
};

}  // namespace

TEST_CASE("the status line counts the peers and names those that are away or paused") {
  std::vector<PeerReport> peers{peer("msul1", PeerState::up)};
  CHECK(status_line(peers) == "serving 1 peer: 1 up");
  peers.push_back(peer("msul2", PeerState::starting));
  peers.push_back(peer("msul3", PeerState::away));
  peers.push_back(peer("msul4", PeerState::paused));
  peers.push_back(peer("msul9", PeerState::given_up));
  CHECK(status_line(peers) == "serving 5 peers: 1 up, 1 connecting, 2 away (msul3, msul9), 1 drained (msul4)");
  peers.clear();
  for (const char* id : {"a", "b", "c", "d", "e", "f", "g"}) peers.push_back(peer(id, PeerState::away));
  CHECK(status_line(peers) == "serving 7 peers: 0 up, 7 away (a, b, c, d, e and 2 more)");
}

TEST_CASE_METHOD(LineFixture, "ready is reported with the peers, and later each change of state") {
  line.ready();
  CHECK(next() == "READY=1\nSTATUS=serving 2 peers: 1 up, 1 connecting");
  peers[1].status.state = PeerState::away;
  for (int i = 0; i < 100; ++i) line.state_changed();
  CHECK(next() == "STATUS=serving 2 peers: 1 up, 1 away (msul3)");
  peers[1].status.state = PeerState::up;
  line.state_changed();
  CHECK(next() == "STATUS=serving 2 peers: 2 up");
  line.stop();
  line.state_changed();
  io.restart();
  io.run();
  CHECK_FALSE(systemd.has_next());
}

TEST_CASE_METHOD(LineFixture, "ready waits for a socket that cannot be created yet") {
  missing = "there is no socket for msul3";
  line.ready();
  CHECK(next() == "STATUS=there is no socket for msul3");
  missing.clear();
  std::string said = next();
  while (said == "STATUS=there is no socket for msul3") said = next();
  CHECK(said == "READY=1\nSTATUS=serving 2 peers: 1 up, 1 connecting");
}

namespace {

struct WatchdogFixture {
  WatchdogFixture() { source.is_slow = true; }

  // All strands answer the pending query.
  void answer() {
    const auto done = std::exchange(source.waiting, nullptr);
    REQUIRE(done);
    done({});
    lonc::test::run_ready(io);
  }
  bool is_alive() const { return systemd.has_next() && systemd.next() == "WATCHDOG=1"; }

  lonc::test::NotifySocket systemd;
  boost::asio::io_context io;
  lonc::test::FakeStatusSource source;
  lonc::daemon::StatusBoard board{boost::asio::make_strand(io), source};
  Watchdog watchdog{boost::asio::make_strand(io), board};
};

}  // namespace

TEST_CASE_METHOD(WatchdogFixture, "the watchdog signal is sent when all strands have answered, and not before") {
  watchdog.start(2ms);
  // A second query while the first is pending would hide that there is no answer.
  io.run_for(50ms);
  CHECK(source.asked == 1);
  CHECK_FALSE(systemd.has_next());
  answer();
  CHECK(is_alive());
  CHECK(lonc::test::run_until(io, [this] { return source.asked == 2; }));
  CHECK_FALSE(systemd.has_next());
  answer();
  CHECK(is_alive());
}

TEST_CASE_METHOD(WatchdogFixture, "without a limit, and after the stop, no query is made") {
  watchdog.start(0us);
  lonc::test::run_ready(io);
  CHECK(source.asked == 0);
  watchdog.start(2ms);
  lonc::test::run_ready(io);
  watchdog.stop();
  answer();
  io.restart();
  io.run();
  CHECK(source.asked == 1);
  CHECK_FALSE(systemd.has_next());
}
