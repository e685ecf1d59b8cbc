// A source of snapshots with contents chosen by the test.
#pragma once

#include "daemon/status/snapshot.hpp"

#include <functional>
#include <utility>
#include <vector>

namespace lonc::test {

struct FakeStatusSource final : lonc::daemon::StatusSource {
  using PeersDone = std::function<void(std::vector<net::PeerReport>)>;

  lonc::daemon::DaemonReport report_daemon() override { return daemon; }
  void report_peers(PeersDone done) override {
    ++asked;
    if (!is_slow) return done(peers);
    waiting = std::move(done);
  }

  lonc::daemon::DaemonReport daemon;
  std::vector<net::PeerReport> peers;
  int asked = 0;
  bool is_slow = false;  // the peers answer when the test calls `waiting`
  PeersDone waiting;
};

}  // namespace lonc::test
