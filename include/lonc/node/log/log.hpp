// lonc.log: senders queue lines, and a dedicated thread writes them, so that a slow disk blocks nobody. Lines that find
// the queue full or cannot be written are counted, and the log itself reports the count.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/net/session/log_sink.hpp>
#include <lonc/node/log/log_line.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace lonc::node {

struct Settings;

// `automatic`: the file, and also systemd's journal if standard error leads to it.
enum class LogTarget { automatic, file, standard_error, both, journal };

struct LogOptions {
  std::string path;
  LogTarget target = LogTarget::automatic;
  core::Severity level = core::Severity::routine;
  std::size_t queue = 8192;  // lines waiting for the disk; when it is full, the oldest is dropped
  std::string journal = JournalSocket::system_path;

  bool operator==(const LogOptions&) const = default;
};

// The path is daemon_dir/logs/lonc.log.
LogOptions log_options(const Settings& settings);

class Log : public net::LogSink {
 public:
  // Starts the thread, so it must be constructed after the last fork. The file is opened with the first line.
  explicit Log(const LogOptions& options);
  // Calls close() with a timeout of two seconds.
  ~Log() override;
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void write(core::Severity severity, const net::LogContext& context, std::string_view message) override;

  std::uint64_t lines_given() const override;
  std::uint64_t lines_done() const override;

  // Lines below this level are omitted. Any thread.
  void set_level(core::Severity level) { level_.store(level, std::memory_order_relaxed); }
  core::Severity level() const { return level_.load(std::memory_order_relaxed); }

  // Waits until every line given so far has been written, or counted as lost or dropped. False if that took longer than
  // `timeout`.
  bool flush(std::chrono::milliseconds timeout);

  // Calls flush(), then ends the thread; later lines are ignored. If the disk is stuck, returns false and leaves the
  // thread running until the process ends.
  bool close(std::chrono::milliseconds timeout);

  // Why lines cannot be written to the file at present; empty if they can.
  std::string trouble() const;

  // Lines dropped because the queue was full.
  std::uint64_t dropped_lines() const;

 private:
  class Queue;

  std::atomic<core::Severity> level_;
  std::atomic<bool> closed_{false};
  std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

}  // namespace lonc::node
