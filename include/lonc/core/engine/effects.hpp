// What PeerEngine asks of its environment. net implements it with sockets and timers, tests with a list of strings.
#pragma once

#include <lonc/core/base/types.hpp>

#include <cstddef>
#include <string_view>
#include <system_error>

namespace lonc::core {

// None of these may call back into the engine before the engine has returned from the event that it is handling. Lines
// are passed without their '\n'. Ids that are no longer known are ignored.
class Effects {
 public:
  virtual ~Effects() = default;

  // Exactly one of these two eventually follows each client line.
  virtual void reply(ClientId client, std::string_view line) = 0;
  virtual void close_client(ClientId client) = 0;

  // Answered later by connection_started, then connection_up or connection_closed.
  virtual void open_connection(ConnectionId connection, AttemptClass attempt) = 0;
  // One line, or several separated by '\n'; written at once and, as far as possible, in one piece.
  virtual void write_lines(ConnectionId connection, std::string_view lines) = 0;
  // Longer lines on this connection are reported as connection_closed with Errc::reply_too_long.
  virtual void set_line_limit(ConnectionId connection, std::size_t bytes) = 0;
  // Called for a connection with nothing in flight, immediately before requests are written to it. Checks the socket:
  // Errc::out_of_turn if bytes are waiting there, Errc::connection_closed or the socket's error if it has ended, no
  // error if it is quiet. A connection that is not quiet is closed without being used, and the requests go elsewhere.
  // Everything that takes time must be done before: a late line that arrives between the check and the writing would be
  // mistaken for an answer.
  virtual std::error_code check_quiet(ConnectionId connection) = 0;
  // No event of this connection follows.
  virtual void close_connection(ConnectionId connection) = 0;

  // deadline() is to be called at this time. Replaces the previous one; `never` for none.
  virtual void set_deadline(TimePoint deadline) = 0;

  // --- delayed messages (core::Spool). PeerEngine::delayed_batch() follows each of the next three.
  virtual void fetch_delayed() = 0;
  // The oldest message that was handed out is done. `record` is for the permanent log. `is_last`: it was the last of
  // those handed out, so more are wanted.
  virtual void delayed_answered(std::string_view record, bool is_last) = 0;
  virtual void set_aside_delayed(std::string_view reason, bool is_last) = 0;
  // Sets the number of attempts that count against the oldest message that was handed out. No event follows.
  virtual void delayed_failed(unsigned attempts) = 0;
  // None of the messages handed out will be sent for now. The outcome of the first may be unknown.
  virtual void return_delayed(bool first_was_sent) = 0;

  virtual void log(Severity severity, std::string_view message) = 0;
  // The same, for one request; `command` is its command_word().
  virtual void log_request(Severity severity, std::string_view command, std::string_view message) = 0;
  // The state or the text of status() has changed.
  virtual void status_changed() = 0;
  // The answer to drain(): nothing is in flight and nothing is open.
  virtual void drained() = 0;
};

}  // namespace lonc::core
