// lonc.log: lines are queued by their senders and written by a thread of its own, so that a slow disk stops
// nobody. Lines that found no room or no disk are counted, and the count is told in the log itself.
#pragma once

#include <lonc/app/journal.hpp>
#include <lonc/app/settings.hpp>
#include <lonc/net/log_sink.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace lonc::app {

struct LogOptions {
  std::string path;
  LogTarget target = LogTarget::automatic;
  core::Severity level = core::Severity::notice;
  std::size_t queue = 8192;  // lines; when it is full the oldest line goes
  std::string journal = JournalSocket::system_path;
};

// The path is daemon_dir/logs/lonc.log.
LogOptions log_options(const Settings& settings);

class Log : public net::LogSink {
 public:
  // Begins the thread, so it is made after the last fork. The file is opened with the first line.
  explicit Log(const LogOptions& options);
  // close(), with two seconds to wait.
  ~Log() override;
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void write(core::Severity severity, const net::LogContext& context, std::string_view message) override;

  std::uint64_t lines_given() const override { return accepted_.load(); }
  std::uint64_t lines_done() const override;

  // Lines below this are left out. Any thread.
  void set_level(core::Severity level) { level_.store(level, std::memory_order_relaxed); }
  core::Severity level() const { return level_.load(std::memory_order_relaxed); }

  // Waits until every line written so far has gone to the disk, the lost count or the dropped count; false if
  // that took longer than `timeout`.
  bool flush(std::chrono::milliseconds timeout);

  // flush(), then ends the thread; later lines are ignored. If the disk is stuck, the thread is left behind for
  // the end of the process and the answer is false.
  bool close(std::chrono::milliseconds timeout);

  // Why the file does not take lines now; empty if it does.
  std::string trouble() const;

  // Lines that found the queue full.
  std::uint64_t dropped_lines() const;

 private:
  class Sink;
  struct Queue;

  std::atomic<core::Severity> level_;
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<bool> closed_{false};
  std::unique_ptr<Queue> queue_;
};

}  // namespace lonc::app
