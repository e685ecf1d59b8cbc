// What is known about the daemon and all its peers at one moment, for everything that shows it: the status files, the
// admin endpoint, the metrics, systemd.
#pragma once

#include <lonc/core/base/error.hpp>
#include <lonc/net/reports.hpp>
#include <lonc/net/session/log_sink.hpp>
#include <lonc/net/socket/executor.hpp>
#include <lonc/net/spool/spooler.hpp>

#include <boost/asio/thread_pool.hpp>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lonc::daemon {

// Sums over all peers at one moment. Counters start with the daemon, but the counts of a session that is recreated, or
// of a peer that is removed, are lost.
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

// The latest samples, to show a trend: one for each status-interval.
class StatusHistory {
 public:
  static constexpr std::size_t most_samples = 40;

  void add(const HistorySample& sample) {
    if (samples_.size() == most_samples) samples_.erase(samples_.begin());
    samples_.push_back(sample);
  }
  // Oldest first.
  const std::vector<HistorySample>& samples() const { return samples_; }

 private:
  std::vector<HistorySample> samples_;
};

// What the daemon is doing, and its last log line.
struct DaemonActivity {
  using WallTime = std::chrono::system_clock::time_point;

  std::string text;  // "Running"
  WallTime text_since{};
  std::string last_log;  // its message; empty if there was none
  core::Severity last_log_severity = core::Severity::routine;
  WallTime last_log_at{};
};

// The daemon without its peers. The status file of 2002 and the log call it PARENT.
struct DaemonReport : DaemonActivity {
  pid_t pid = 0;
  std::string host_id;
  std::string version;
  WallTime started_at{};
  net::SpoolReport spool;
  core::Duration interval{};  // status-interval
  std::string log_level{};  // a value of that setting
  std::string why_not_ready{};  // empty: every socket listens, and the daemon is not stopping
  std::uint64_t log_lines_dropped = 0;
  std::vector<core::Problem> problems{};  // with its own files
  std::vector<HistorySample> history{};
};

// The daemon's own log lines and its current activity. Used on the daemon's strand, or before the loop runs.
class DaemonLog {
 public:
  explicit DaemonLog(net::LogSink& sink) : sink_(sink) { set_status("Starting"); }

  void set_status(std::string text);
  // The caller must escape outside text in `message`.
  void write(core::Severity severity, std::string_view message);
  const DaemonActivity& activity() const { return activity_; }

 private:
  net::LogSink& sink_;
  DaemonActivity activity_;
};

struct Snapshot {
  std::chrono::system_clock::time_point at{};
  DaemonReport daemon;
  std::vector<net::PeerReport> peers;  // sorted by id
};

// Provides the contents of a snapshot: implemented by the daemon, which looks after its files and sockets at the same
// time. Called on the board's strand.
class StatusSource {
 public:
  virtual DaemonReport report_daemon() = 0;
  // `done` is called on the same strand.
  virtual void report_peers(std::function<void(std::vector<net::PeerReport>)> done) = 0;

 protected:
  ~StatusSource() = default;
};

// Gathers snapshots. No matter how many requests there are, only one snapshot is gathered at a time, with pauses in
// between. Lives on `strand`.
class StatusBoard {
 public:
  using Shared = std::shared_ptr<const Snapshot>;
  using Done = std::function<void(Shared)>;

  StatusBoard(const net::Strand& strand, StatusSource& source) : strand_(strand), source_(source) {}

  // Any thread; `done` is called on the strand, with a snapshot gathered after this call.
  void ask(Done done);
  // On the strand: the same, and also adds a sample to the history.
  void sample(Done done);

 private:
  void begin();
  void gathered(std::vector<net::PeerReport> peers);

  net::Strand strand_;
  StatusSource& source_;
  net::Timer pause_{strand_};
  StatusHistory history_;
  std::vector<Done> waiting_;  // for the next snapshot
  std::vector<Done> served_;  // by the snapshot being gathered
  bool is_sample_wanted_ = false;
  bool is_gathering_ = false;
  bool is_pausing_ = false;
  std::chrono::steady_clock::time_point began_at_{};
};

// A long text about all peers. Rendered once for all requests that come at the same time, and kept from filling the
// memory when many readers are slow. Lives on `strand`; the text is rendered on the thread of `pool`.
class RenderedCache {
 public:
  using Text = std::shared_ptr<const std::string>;  // null if it could not be rendered
  using Render = std::function<std::string(const Snapshot&)>;  // may throw: the text cannot be rendered
  using Done = std::function<void(Text)>;

  // The total size of all texts that are still being read. Above this, a new reader gets the latest text again, no
  // matter how old it is.
  static constexpr std::size_t most_bytes = std::size_t{64} * 1024 * 1024;

  // `make` is called on the thread of `pool`. All arguments must outlive the work started here.
  RenderedCache(const net::Strand& strand, StatusBoard& board, boost::asio::thread_pool& pool, Render make,
                std::size_t limit = most_bytes)
      : strand_(strand), board_(board), pool_(pool), make_(std::move(make)), limit_(limit) {}

  // Any thread; `done` is called on the strand. The text's data is gathered after this call, except above the limit.
  void get(Done done);

 private:
  void begin();
  void made(Text text);
  std::size_t bytes_in_use();

  net::Strand strand_;
  StatusBoard& board_;
  boost::asio::thread_pool& pool_;
  const Render make_;
  const std::size_t limit_;
  std::vector<Done> waiting_;
  std::vector<Done> served_;  // by the text that is being rendered
  std::vector<std::weak_ptr<const std::string>> texts_;
  bool is_making_ = false;
};

}  // namespace lonc::daemon
