// What is known of the daemon and all its peers at one moment, for whoever wants to show it: the status files, the
// admin endpoint, the metrics. However many ask, the peers are asked one after the other, and not all the time.
#pragma once

#include <lonc/app/status_history.hpp>
#include <lonc/app/status_render.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/peer_report.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace lonc::app {

struct Snapshot {
  std::chrono::system_clock::time_point at{};
  ParentReport parent;
  std::vector<net::PeerReport> peers;  // sorted by id
};

class StatusBoard {
 public:
  using Shared = std::shared_ptr<const Snapshot>;
  using Done = std::function<void(Shared)>;
  // Both are called on the strand; what `peers` gives comes there, too.
  struct Sources {
    std::function<ParentReport()> parent;
    std::function<void(std::function<void(std::vector<net::PeerReport>)>)> peers;
  };

  StatusBoard(const net::Strand& strand, Sources sources);

  // Any thread; `done` comes on the strand. What it gets was gathered after this call.
  void ask(Done done);
  // On the strand: the same, and the history gets a sample of it.
  void sample(Done done);

 private:
  void begin();
  void gathered(std::vector<net::PeerReport> peers);

  net::Strand strand_;
  const Sources sources_;
  net::Timer pause_;
  StatusHistory history_;
  std::vector<Done> waiting_;  // for what is gathered next
  std::vector<Done> served_;   // by what is being gathered
  bool is_sample_wanted_ = false;
  bool is_gathering_ = false;
  bool is_pausing_ = false;
  std::chrono::steady_clock::time_point began_at_{};
};

}  // namespace lonc::app
