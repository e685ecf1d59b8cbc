// The small vocabulary types that every part of core shares.
#pragma once

#include <chrono>
#include <cstdint>

namespace lonc::core {

// Core reads no clock: every event brings the time with it. Only the type comes from here.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

inline constexpr TimePoint never = TimePoint::max();

// One accepted connection of a local client. Never reused within a process, so that an answer can not reach
// a client that came later.
enum class ClientId : std::uint64_t {};

// One attempt to reach lond, and the TCP connection that came of it. Never reused within a session.
enum class ConnectionId : std::uint64_t {};

// Whose attempt to connect goes first where places for attempts are short.
enum class AttemptClass {
  favoured,     // the peer is up, has just been lost, or was never tried
  failed_last,  // the last attempt to reach it failed
};

// How much a log line matters. loncron counts the words INFO, WARNING and CRITICAL in the log and mails the
// administrator at 200, so routine lines are `notice`, which is written without a word before it.
enum class Severity { debug, notice, info, warning, critical };

}  // namespace lonc::core
