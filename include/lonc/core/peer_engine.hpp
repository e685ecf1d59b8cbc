// Every decision about one peer: when to connect, who waits, who is answered what, when a connection is given up.
// No socket, no file, no clock: events come in with the time, what is to be done goes out through Effects.
#pragma once

#include <lonc/core/backoff.hpp>
#include <lonc/core/batch.hpp>
#include <lonc/core/batch_policy.hpp>
#include <lonc/core/delayed_message.hpp>
#include <lonc/core/effects.hpp>
#include <lonc/core/peer_settings.hpp>
#include <lonc/core/peer_status.hpp>
#include <lonc/core/request_queue.hpp>
#include <lonc/core/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace lonc::core {

class PeerEngine {
 public:
  // `seed` feeds the jitter of the back-off. `effects` must outlive the engine.
  PeerEngine(PeerSettings settings, std::uint64_t seed, Effects& effects);
  ~PeerEngine();
  PeerEngine(const PeerEngine&) = delete;
  PeerEngine& operator=(const PeerEngine&) = delete;

  // The first attempt begins.
  void start(TimePoint now);

  // --- from clients. A client waits for its answer before its next line is given.
  void client_line(TimePoint now, ClientId client, std::string_view line);
  // The line exceeded max-line-length; it is gone.
  void client_line_too_long(TimePoint now, ClientId client);
  // There was no memory left for it; it is gone.
  void client_line_refused(TimePoint now, ClientId client);
  // It has left before its answer: what has not been written yet is dropped, and an answer that still comes goes to
  // nobody.
  void client_gone(ClientId client);

  // --- from lond connections
  // The attempt's turn has come (see max-connecting) and the name has been looked up, which has a time limit of its
  // own: connect-timeout runs from here.
  void connection_started(TimePoint now, ConnectionId connection);
  void connection_up(TimePoint now, ConnectionId connection);
  void connection_failed(TimePoint now, ConnectionId connection, std::error_code error);
  void line_received(TimePoint now, ConnectionId connection, std::string_view line);
  // All lines of what has been received were given. `is_mid_line`: after them there are bytes without a line end.
  void received_all(TimePoint now, ConnectionId connection, bool is_mid_line);
  void connection_closed(TimePoint now, ConnectionId connection, std::error_code error);

  // The peer's name was looked up, and these lead to an address that it no longer has: they take nothing new.
  void address_changed(TimePoint now, const std::vector<ConnectionId>& outdated);

  // --- from the spool
  // So many delayed messages are on the disk. Told whenever that may have become more.
  void delayed_waiting(TimePoint now, std::size_t messages);
  void delayed_batch(TimePoint now, DelayedBatch batch);
  // An administrator is going to move messages: what is not in flight goes back to the spool. delayed_waiting()
  // follows.
  void withdraw_delayed(TimePoint now);
  // An administrator has mended something: failures are forgotten, and pauses are over.
  void retry_delayed(TimePoint now);

  // --- from the clock
  void deadline(TimePoint now);

  // --- from the operator
  // Forget failures and try now. A running attempt is left alone, and so is a peer that is paused.
  void reconnect(TimePoint now);
  // Out of service: what is in flight ends until `until`, `exit` is said, and nothing is tried before resume() or
  // apply().
  void pause(TimePoint now, TimePoint until);
  // reconnect(), also of a peer that is paused.
  void resume(TimePoint now);
  // Values of the same peer; connections are kept.
  void apply(TimePoint now, PeerSettings settings);
  // Take nothing new, let what is in flight end until `until`, say `exit`; Effects::drained follows.
  void drain(TimePoint now, TimePoint until);

  PeerStatus status() const;
  PeerState state() const { return state_; }

 private:
  struct Connection;
  struct Delayed;

  // peer_engine_batches.cpp: the way of a request
  bool may_go_together(std::string_view line) const;
  bool gathers(TimePoint now, std::string_view line) const;
  void enqueue(TimePoint now, ClientId client, std::string_view line);
  void dispatch(TimePoint now);
  bool send_at_once(TimePoint now, ClientId client, std::string_view line);
  void send_queued(TimePoint now, Connection& connection);
  bool send(TimePoint now, Connection& connection, Batch::Request request, std::string_view line);
  bool write_batch(TimePoint now, Connection& connection, std::string_view lines, bool is_fenced);
  void write(ConnectionId connection, std::string_view lines);
  TimePoint answer_due(const Batch& batch) const;
  TimePoint batch_deadline(const Connection& connection) const;
  void reply_line(TimePoint now, Connection& connection, std::string_view line);
  bool is_first_batch(TimePoint now, const Connection& connection) const;
  bool may_lack_fence(TimePoint now, const Connection& connection) const;
  void answer_without_fence(TimePoint now, Connection& connection);
  void batch_answered(TimePoint now, Connection& connection);
  bool hand_out(TimePoint now, Connection& connection);
  void note_empty_lines(TimePoint now, std::size_t lines);
  void answer_con_lost(ClientId client);
  void fail_queue();
  void expire_queue(TimePoint now);
  void drop_hopeless(TimePoint now);
  void expire_queue_before(TimePoint accepted);
  TimePoint queue_deadline() const;

  // peer_engine.cpp: clock, operator
  void close_on_request(TimePoint now, ClientId client);
  bool is_stuck(TimePoint now, const Connection& connection) const;
  void lower_deadline(TimePoint deadline);
  void recompute_deadline();

  // peer_engine_connections.cpp: the life of connections, and with it of the peer
  Connection* find(ConnectionId id);
  Connection* idle_connection();
  std::size_t count_ready() const;
  std::size_t count_opening() const;
  void begin_attempt(TimePoint now);
  std::size_t connections_wanted(TimePoint now) const;
  void open_what_is_missing(TimePoint now);
  void bring_forward(TimePoint now);
  TimePoint earliest_attempt(TimePoint now) const;
  void handshake_lines(TimePoint now, Connection& connection, bool is_mid_line);
  void handshake_line(TimePoint now, Connection& connection, std::string_view line);
  void became_ready(TimePoint now, Connection& connection);
  void end_connection(TimePoint now, ConnectionId id, std::error_code error);
  void end_batch(TimePoint now, Connection& connection, std::error_code error);
  void end_all_connections(TimePoint now, std::error_code error);
  bool had_worked(TimePoint now, const Connection& connection, std::error_code error);
  void lost_last_connection(TimePoint now, bool had_worked, std::error_code error);
  void delay_extra(TimePoint now);
  void attempt_failed(TimePoint now, std::error_code error);
  void further_attempt_failed(TimePoint now, std::error_code error);
  void forget_served();
  void expire_connections(TimePoint now);
  void expire_clients(TimePoint now, Batch& batch);
  void close_surplus(TimePoint now);
  void leave(TimePoint now, Connection& connection);
  void wind_down(TimePoint now, TimePoint until);
  void end_leaving_connections(TimePoint now);
  bool is_out_of_service() const;
  void finish_drain();

  // peer_engine_delayed.cpp: delayed messages, and what live requests have to wait for them
  bool holds_live(TimePoint now) const { return now < hold_until_; }
  void hold_live(TimePoint now);
  void end_hold(TimePoint now);
  void pump_delayed(TimePoint now);
  bool can_send_delayed(TimePoint now) const;
  void send_delayed(TimePoint now, Connection& connection);
  void delayed_reply(TimePoint now, std::string_view reply);
  void delayed_lost(TimePoint now, std::error_code error);
  void delayed_attempt_failed(TimePoint now, const std::string& why);
  void pause_delayed(TimePoint now);
  void count_delayed_failure();
  void set_aside_delayed(const std::string& reason);
  void give_back_delayed();
  TimePoint delayed_deadline() const;

  // peer_engine_report.cpp: what people are told
  void set_state(TimePoint now, PeerState state);
  void note_error(TimePoint now, std::error_code error, std::string_view detail);
  void report_incident(TimePoint now, const std::string& text);
  void report_out_of_turn(TimePoint now, const Connection& connection);
  void report_broken_batch(TimePoint now, const Connection& connection, std::error_code error);
  void report_timeout(TimePoint now, const Batch& batch);
  void note_mode(TimePoint now);
  void report_away(TimePoint now, std::error_code error);
  void report_online(TimePoint now);
  std::string connected_text() const;
  std::string status_text() const;

  PeerSettings settings_;
  Effects& effects_;
  Backoff backoff_;  // of attempts while no connection is ready
  Backoff extra_backoff_;  // of further connections

  PeerState state_ = PeerState::starting;
  TimePoint state_since_{};
  std::vector<std::unique_ptr<Connection>> connections_;  // at most max-connections, in order of opening
  RequestQueue queue_;  // accepted, not written yet
  TimePoint gather_until_{};  // until then what may go together waits for a batch in flight to end; {}: nothing does
  BatchPolicy policy_;
  std::uint64_t last_connection_id_ = 0;

  TimePoint waiting_since_{};  // while starting: connect-wait runs from here
  std::optional<TimePoint> last_attempt_;  // when the latest attempt began
  TimePoint next_attempt_ = never;  // while no attempt runs: when the next one begins
  TimePoint extra_not_before_{};  // while up: no further connection is opened before
  std::size_t served_ = 0;  // connections that the peer serves, if it was found not to serve more; 0: not known
  std::optional<TimePoint> forgotten_at_;  // when that was forgotten on request
  bool has_failed_last_ = false;  // the latest attempt failed, and no connection has become ready since
  unsigned hang_ups_ = 0;  // connections in a row that the peer ended before they were of use
  bool pong_sent_ = false;  // it is sent on the first connection only, until another lond may be there
  std::string fence_answers_;  // what the peer's lond may call itself: its id, and that of its answer to pong
  TimePoint drain_until_ = never;
  TimePoint pause_until_ = never;  // while paused and not all is closed: when it must be
  TimePoint hold_until_{};  // after a (re)connection live requests wait so long for delayed messages
  std::unique_ptr<Delayed> delayed_;
  TimePoint armed_ = never;  // what Effects::set_deadline was told last

  // For the report.
  TimePoint away_since_{};
  bool away_reported_ = false;  // this outage has its WARNING
  bool was_up_ = false;
  std::optional<TimePoint> warned_away_;
  std::optional<TimePoint> warned_incident_;
  std::uint64_t con_lost_at_loss_ = 0;
  BatchPolicy::Mode told_mode_ = BatchPolicy::Mode::untried;  // the status says so
  std::string last_error_;
  TimePoint last_error_at_{};
  std::string lost_because_;
  PeerCounters counters_;
  RoundTrips round_trips_;

  // Reused for their memory.
  std::string wire_;  // for encoding and decoding
  std::vector<Batch::Request> outgoing_;  // what is about to be written
  Batch answered_;  // what is being handed out
};

}  // namespace lonc::core
