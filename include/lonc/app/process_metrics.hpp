// Metrics of the process itself that do not come from the peers: which build it is, since when it runs, and how late
// the loop does what it is asked to.
#pragma once

#include <lonc/net/executor.hpp>

#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <memory>

namespace lonc::app {

class ProcessMetrics {
 public:
  ProcessMetrics(const net::Strand& strand, std::chrono::system_clock::time_point started_at);

  // On the strand: begins and ends the measuring of the loop.
  void start();
  void stop();

  const prometheus::Registry& registry() const { return registry_; }

 private:
  void wait();

  prometheus::Registry registry_;
  prometheus::Histogram& lag_;
  net::Timer timer_;
  bool is_stopped_ = true;
};

}  // namespace lonc::app
