#include "net/net_support.hpp"
#include "support/catch.hpp"
#include "support/notify_socket.hpp"

#include <lonc/app/status_line.hpp>

#include <string>
#include <vector>

using lonc::app::ParentReport;
using lonc::app::ServiceManager;
using lonc::app::status_line;
using lonc::app::StatusBoard;
using lonc::app::StatusLine;
using lonc::core::PeerState;
using lonc::net::PeerReport;
using lonc::test::NotifySocket;
namespace net = lonc::net;

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
  std::vector<PeerReport> peers{peer("msul1", PeerState::up), peer("msul3", PeerState::starting)};
  std::string missing;
  ServiceManager manager;
  net::Strand strand = boost::asio::make_strand(io);
  StatusBoard board{strand,
                    {.parent = [] { return ParentReport{}; }, .peers = [this](const auto& done) { done(peers); }}};
  StatusLine line{strand, {.manager = manager, .board = board, .why_not_ready = [this] { return missing; }}};

  // The next message, for which the loop turns as long as it takes.
  std::string next() {
    lonc::test::run_until(io, [this] { return systemd.has_next(); });
    return systemd.next();
  }
};

}  // namespace

TEST_CASE("the status line counts the peers and names those that are missing") {
  std::vector<PeerReport> peers{peer("msul1", PeerState::up)};
  CHECK(status_line(peers) == "serving 1 peer: 1 up");
  peers.push_back(peer("msul2", PeerState::starting));
  peers.push_back(peer("msul3", PeerState::away));
  peers.push_back(peer("msul4", PeerState::paused));
  peers.push_back(peer("msul9", PeerState::given_up));
  CHECK(status_line(peers) == "serving 5 peers: 1 up, 1 connecting, 2 away (msul3, msul9), 1 paused (msul4)");
  peers.clear();
  for (const char* id : {"a", "b", "c", "d", "e", "f", "g"}) peers.push_back(peer(id, PeerState::away));
  CHECK(status_line(peers) == "serving 7 peers: 0 up, 7 away (a, b, c, d, e and 2 more)");
}

TEST_CASE_METHOD(LineFixture, "ready is said with the peers, and a change of state afterwards") {
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

TEST_CASE_METHOD(LineFixture, "ready waits for a socket that can not be made yet") {
  missing = "there is no socket for msul3";
  line.ready();
  CHECK(next() == "STATUS=there is no socket for msul3");
  missing.clear();
  std::string said = next();
  while (said == "STATUS=there is no socket for msul3") said = next();
  CHECK(said == "READY=1\nSTATUS=serving 2 peers: 1 up, 1 connecting");
}
