#include <lonc/app/process_metrics.hpp>

#include <lonc/app/version.hpp>

#include <prometheus/gauge.h>

#include <algorithm>

namespace lonc::app {

namespace {

constexpr std::chrono::seconds lag_interval{1};

prometheus::Histogram& make_lag(prometheus::Registry& registry) {
  return prometheus::BuildHistogram()
      .Name("lonc_loop_lag_seconds")
      .Help("How late the loop is with a timer, looked at once a second")
      .Register(registry)
      .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
                                                       10});
}

}  // namespace

ProcessMetrics::ProcessMetrics(const net::Strand& strand, std::chrono::system_clock::time_point started_at)
    : lag_(make_lag(registry_)), timer_(strand) {
  prometheus::BuildGauge()
      .Name("lonc_build_info")
      .Help("1; what runs is in the labels")
      .Register(registry_)
      .Add({{"version", version}})
      .Set(1);
  prometheus::BuildGauge()
      .Name("process_start_time_seconds")
      .Help("When the process began, in Unix time")
      .Register(registry_)
      .Add({})
      .Set(std::chrono::duration<double>(started_at.time_since_epoch()).count());
}

void ProcessMetrics::start() {
  is_stopped_ = false;
  wait();
}

void ProcessMetrics::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void ProcessMetrics::wait() {
  timer_.expires_after(lag_interval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || is_stopped_) return;
    lag_.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - timer_.expiry()).count());
    wait();
  });
}

}  // namespace lonc::app
