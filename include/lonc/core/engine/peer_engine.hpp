// Makes every decision about one peer: when to connect, which requests wait, what each is answered, when to give up a
// connection. Uses no socket, file or clock: events come in together with the time, and actions go out through Effects.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/core/engine/attempt_schedule.hpp>
#include <lonc/core/engine/batch.hpp>
#include <lonc/core/engine/connection_set.hpp>
#include <lonc/core/engine/delayed_sender.hpp>
#include <lonc/core/engine/effects.hpp>
#include <lonc/core/engine/peer_reporter.hpp>
#include <lonc/core/engine/peer_settings.hpp>
#include <lonc/core/engine/peer_status.hpp>
#include <lonc/core/engine/request_queue.hpp>
#include <lonc/core/spool/delayed_message.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace lonc::core {

class PeerEngine {
 public:
  // `seed` initializes the jitter of the back-off. `effects` must outlive the engine.
  PeerEngine(PeerSettings settings, std::uint64_t seed, Effects& effects);
  PeerEngine(const PeerEngine&) = delete;
  PeerEngine& operator=(const PeerEngine&) = delete;

  // Begins the first attempt.
  void start(TimePoint now);

  // --- from clients. A client waits for its answer before its next line is passed on.
  void client_line(TimePoint now, ClientId client, std::string_view line);
  // The line exceeded max-line-length and was discarded.
  void client_line_too_long(TimePoint now, ClientId client);
  // There was no memory left for the line, and it was discarded.
  void client_line_refused(TimePoint now, ClientId client);
  // The client has left before its answer: a request that has not been written yet is dropped, and an answer that still
  // arrives goes to nobody.
  void client_gone(ClientId client);

  // --- from lond connections
  // It is the attempt's turn (see max-connecting), and the name has been looked up, which has a time limit of its own:
  // connect-timeout starts here.
  void connection_started(TimePoint now, ConnectionId connection);
  void connection_up(TimePoint now, ConnectionId connection);
  void line_received(TimePoint now, ConnectionId connection, std::string_view line);
  // All complete lines received so far have been passed on. `is_mid_line`: bytes without a line end follow them.
  // Returns how many bytes of lines are kept until their batch is complete.
  std::size_t received_all(TimePoint now, ConnectionId connection, bool is_mid_line);
  // It has ended, or could not be opened.
  void connection_closed(TimePoint now, ConnectionId connection, std::error_code error);

  // The peer's name was looked up again, and these connections lead to an address that it no longer has: they take
  // nothing new.
  void address_changed(TimePoint now, const std::vector<ConnectionId>& outdated);

  // --- from the spool
  // This many delayed messages are on the disk. Called whenever there may be more than before.
  void delayed_waiting(TimePoint now, std::size_t messages);
  void delayed_batch(TimePoint now, DelayedBatch batch);
  // An administrator is about to move messages: what is not in flight goes back to the spool. delayed_waiting()
  // follows.
  void withdraw_delayed(TimePoint now);
  // An administrator has fixed something: failures are forgotten, and pauses are over.
  void retry_delayed(TimePoint now);

  // --- from the clock
  void deadline(TimePoint now);

  // --- from the operator
  // SIGUSR1: forgets failures and tries now, but only once a minute; a further signal within that time leaves the next
  // attempt to the back-off, for at most the rest of the minute. A running attempt is not disturbed, and neither is a
  // peer that is paused.
  void reconnect(TimePoint now);
  // Takes the peer out of service: what is in flight may finish until `until`, `exit` is sent, and nothing is tried
  // before resume() or apply().
  void pause(TimePoint now, TimePoint until);
  // Forgets failures and tries now, even if the peer is paused.
  void resume(TimePoint now);
  // New values for the same peer. Its connections are kept, unless it is in another place now (name, address or port):
  // then nothing new goes to the old place, what is in flight there may finish, and everything that waits goes to the
  // new place.
  enum class Place { same, another };
  void apply(TimePoint now, PeerSettings settings, Place place = Place::same);
  // Takes nothing new, lets what is in flight finish until `until`, and sends `exit`. Effects::drained follows.
  void drain(TimePoint now, TimePoint until);

  PeerStatus status() const;
  PeerState state() const { return state_; }

 private:
  // peer_engine_batches.cpp: the path of a request
  bool may_go_together(std::string_view line) const;
  bool gathers(TimePoint now, bool is_together) const;
  void enqueue(TimePoint now, ClientId client, std::string_view line, bool is_together);
  void dispatch(TimePoint now);
  void send_queued(TimePoint now, Connection& connection);
  bool send(TimePoint now, Connection& connection, Batch::Request request, std::string_view line, bool is_together);
  struct Written {
    bool is_fenced;
    bool is_quick;  // all its requests may be batched with others
  };
  bool write_batch(TimePoint now, Connection& connection, std::string_view lines, Written written);
  void write(ConnectionId connection, std::string_view lines);
  TimePoint answer_due(const Batch& batch) const;
  TimePoint batch_deadline(const Connection& connection) const;
  void reply_line(TimePoint now, Connection& connection, std::string_view line);
  void reply_lines(TimePoint now, Connection& connection, bool is_mid_line);
  bool is_first_batch(TimePoint now, const Connection& connection) const;
  bool may_lack_fence(TimePoint now, const Connection& connection) const;
  void answer_without_fence(TimePoint now, Connection& connection);
  void batch_answered(TimePoint now, Connection& connection);
  bool hand_out(TimePoint now, Connection& connection);
  void note_empty_lines(TimePoint now, std::size_t lines);
  void note_mode(TimePoint now) { reporter_.note_mode(policy_.mode(now)); }
  void distrust(TimePoint now);
  void answer_con_lost(ClientId client);
  void fail_queue();
  void expire_queue_before(TimePoint accepted);
  TimePoint queue_deadline() const;

  // leaving an address that the peer no longer has
  void leave_address(TimePoint now, const std::vector<ConnectionId>& outdated, std::string_view why);
  void move(TimePoint now);

  // peer_engine.cpp: clock, operator
  void set_state(TimePoint now, PeerState state);
  void close_on_request(TimePoint now, ClientId client);
  bool is_stuck(TimePoint now, const Connection& connection) const;
  void try_now(TimePoint now);
  void lower_deadline(TimePoint deadline);
  void recompute_deadline(TimePoint now);

  // peer_engine_connections.cpp: the life of connections, and thereby of the peer
  void begin_attempt(TimePoint now);
  std::size_t count_missing(TimePoint now) const;
  void open_what_is_missing(TimePoint now);
  void attempt_if_due(TimePoint now);
  void bring_forward(TimePoint now);
  void handshake_lines(TimePoint now, Connection& connection, bool is_mid_line);
  void became_ready(TimePoint now, Connection& connection);
  void end_connection(TimePoint now, ConnectionId id, std::error_code error);
  void end_batch(TimePoint now, Connection& connection, std::error_code error);
  void end_all_connections(TimePoint now, std::error_code error);
  bool had_worked(TimePoint now, const Connection& connection, std::error_code error);
  void lost_last_connection(TimePoint now, bool had_worked, std::error_code error);
  void attempt_failed(TimePoint now, std::error_code error);
  void forget_served();
  void expire_connections(TimePoint now);
  void expire_clients(TimePoint now, Batch& batch);
  void leave(TimePoint now, Connection& connection);
  void wind_down(TimePoint now);
  bool is_out_of_service() const;
  void finish_drain();

  // delayed messages on the same path
  bool can_send_delayed(TimePoint now) const { return delayed_.can_send(now, !queue_.empty()); }
  void end_hold(TimePoint now);
  void pump_delayed(TimePoint now);
  void send_delayed(TimePoint now, Connection& connection);
  void delayed_has_ended();

  PeerSettings settings_;
  Effects& effects_;

  PeerState state_ = PeerState::starting;
  TimePoint state_since_{};
  AttemptSchedule attempts_;
  ConnectionSet connections_;
  RequestQueue queue_;  // accepted, not yet written
  TimePoint gather_until_{};  // until then batchable requests wait for a batch in flight to end; {}: none waits
  BatchPolicy policy_;

  TimePoint waiting_since_{};  // while starting: connect-wait starts here
  std::optional<TimePoint> forgotten_at_;  // when the number of connections the peer serves was forgotten on request
  std::optional<TimePoint> swept_at_;  // when failures were last forgotten for SIGUSR1
  bool pong_sent_ = false;  // pong is sent on the first connection only, until another lond may be there
  std::string fence_answers_;  // what the peer's lond may call itself: its id, and the id in its answer to pong
  TimePoint wound_down_at_ = never;  // while draining or paused: when all connections must be closed
  bool is_live_turn_ = false;  // a delayed message was sent last
  TimePoint armed_ = never;  // the last value passed to Effects::set_deadline

  PeerCounters counters_;
  RoundTrips round_trips_;

  DelayedSender delayed_;
  PeerReporter reporter_;

  // Members so that their memory is reused.
  std::string wire_;  // for encoding and decoding
  std::vector<Batch::Request> outgoing_;  // about to be written
  Batch answered_;  // being handed out
};

}  // namespace lonc::core
