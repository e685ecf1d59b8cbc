// Where a session's log lines go. app writes them to a file; tests keep them.
#pragma once

#include <lonc/core/types.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace lonc::net {

// What the sender is doing, shown with each of its log lines.
struct LogContext {
  std::string_view server;  // `PARENT` or the peer's id
  std::string_view status;  // one line, such as `Connected`
  std::chrono::system_clock::time_point status_since;
  std::string_view command = {};  // of the request that the line is about, if it is about one
};

class LogSink {
 public:
  virtual ~LogSink() = default;
  // Never blocks and may be called from any thread. `message` has no line end and outside text in it is escaped.
  virtual void write(core::Severity severity, const LogContext& context, std::string_view message) = 0;
};

}  // namespace lonc::net
