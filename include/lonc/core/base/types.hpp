// The small vocabulary types that all parts of core share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace lonc::core {

// Core reads no clock: every event carries the time. Only the type is defined here.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

inline constexpr TimePoint never = TimePoint::max();

// One accepted connection of a local client. Never reused within a process, so that an answer cannot reach a client
// that connected later.
enum class ClientId : std::uint64_t {};

// One attempt to reach lond, and the TCP connection that results from it. Never reused within a session.
enum class ConnectionId : std::uint64_t {};

// Which attempt to connect goes first when slots for attempts are scarce.
enum class AttemptClass {
  favoured,     // the peer is up, was just lost, or was never tried
  failed_last,  // the last attempt to reach it failed
};

// How important a log line is. loncron counts the words INFO, WARNING and CRITICAL in the log and mails the
// administrator at 200. Everyday events are therefore `routine`, which is written without a word before it.
enum class Severity { debug, routine, info, warning, critical };

// The default limit in bytes for a request or a reply, without its line end.
inline constexpr std::size_t default_line_limit = std::size_t{16} * 1024 * 1024;

// Calls a function once, when the last copy of the barrier is destroyed: each of several callbacks holds a copy, and it
// does not matter whether a callback was called or dropped. Copies may be destroyed on any thread. `done` runs on the
// thread of the last one, so it must post whatever belongs on another thread. It must not throw.
class Barrier {
 public:
  explicit Barrier(std::function<void()> done) : last_(nullptr, [done = std::move(done)](void*) { done(); }) {}

 private:
  std::shared_ptr<void> last_;  // to nothing: only its deleter matters
};

}  // namespace lonc::core
