// Where a session's log lines go. app writes them to a file; tests keep them.
#pragma once

#include <lonc/core/base/types.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace lonc::net {

// What the sender is doing, shown with each of its log lines.
struct LogContext {
  std::string_view server;  // `PARENT` or the peer's id
  std::string_view status;  // one line, such as `Connected`
  std::chrono::system_clock::time_point status_since;
  std::string_view command = {};  // of the request that the line is about, if any
};

class LogSink {
 public:
  virtual ~LogSink() = default;
  // Never blocks and may be called from any thread. `message` contains no newline, and external text in it is escaped.
  virtual void write(core::Severity severity, const LogContext& context, std::string_view message) = 0;

  // The number of lines given so far, and how many of them are done, in order: once lines_done() reaches an earlier
  // value of lines_given(), everything given before that is written, or permanently lost. May be called from any
  // thread.
  virtual std::uint64_t lines_given() const { return 0; }
  virtual std::uint64_t lines_done() const { return 0; }
};

}  // namespace lonc::net
