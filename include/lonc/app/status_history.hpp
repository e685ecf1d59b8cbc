// The last minutes of all peers together, for a trend: a sample for each status-interval.
#pragma once

#include <lonc/net/peer_report.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lonc::app {

// Sums over all peers; what counts goes on counting from the start of the daemon, but that a session which is made
// anew, or a peer that goes, takes its counts along.
struct HistorySample {
  std::chrono::system_clock::time_point at{};
  std::size_t up = 0;
  std::size_t down = 0;  // any other state
  std::uint64_t requests = 0;
  std::uint64_t replies = 0;
  std::uint64_t con_lost = 0;
  std::uint64_t errors = 0;
  std::uint64_t timeouts = 0;
  std::size_t delayed_waiting = 0;
};

HistorySample sample_of(const std::vector<net::PeerReport>& peers, std::chrono::system_clock::time_point now);

class StatusHistory {
 public:
  static constexpr std::size_t most_samples = 40;

  void add(const HistorySample& sample);
  // The oldest first.
  const std::vector<HistorySample>& samples() const { return samples_; }

 private:
  std::vector<HistorySample> samples_;
};

}  // namespace lonc::app
