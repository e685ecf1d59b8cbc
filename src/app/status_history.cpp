#include <lonc/app/status_history.hpp>

namespace lonc::app {

HistorySample sample_of(const std::vector<net::PeerReport>& peers, std::chrono::system_clock::time_point now) {
  HistorySample sample;
  sample.at = now;
  for (const net::PeerReport& peer : peers) {
    const core::PeerStatus& status = peer.status;
    ++(status.state == core::PeerState::up ? sample.up : sample.down);
    sample.requests += status.counters.requests;
    sample.replies += status.counters.replies;
    sample.con_lost += status.counters.con_lost;
    sample.errors += status.counters.errors;
    sample.timeouts += status.counters.timeouts;
    sample.delayed_waiting += status.delayed_waiting;
  }
  return sample;
}

void StatusHistory::add(const HistorySample& sample) {
  if (samples_.size() == most_samples) samples_.erase(samples_.begin());
  samples_.push_back(sample);
}

}  // namespace lonc::app
