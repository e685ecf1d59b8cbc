// The inside of PeerSession: does for one core::PeerEngine what it asks for. Everything runs on the strand.
#pragma once

#include <lonc/core/effects.hpp>
#include <lonc/core/peer_engine.hpp>
#include <lonc/net/client_session.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/local_listener.hpp>
#include <lonc/net/lond_connection.hpp>
#include <lonc/net/peer_address.hpp>
#include <lonc/net/peer_session.hpp>
#include <lonc/net/socket_watch.hpp>
#include <lonc/net/spooler.hpp>
#include <lonc/net/turn.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace lonc::net {

class PeerSession::Impl final : public std::enable_shared_from_this<PeerSession::Impl>,
                                private core::Effects,
                                private LocalListener::Handler,
                                private ClientSession::Handler,
                                private SocketWatch::Handler,
                                private LondConnection::Handler {
 public:
  Impl(boost::asio::io_context& io, PeerConfig config, const PeerServices& services, std::uint64_t seed,
       FailedHandler failed);
  ~Impl() override;

  // Any thread.
  const Strand& strand() const { return strand_; }
  void abandon() { is_abandoned_ = true; }  // no callback is called from now on
  bool is_abandoned() const { return is_abandoned_; }
  void leave_socket() { is_socket_left_ = true; }

  // On the strand, and not from within each other.
  void start();
  void reconnect();
  void pause(core::TimePoint until);
  void resume();
  void apply(PeerConfig config);
  void stop_listening(std::function<void()> done);
  void drain(core::TimePoint until, std::function<void()> done);
  SocketLook look_after_socket();
  PeerReport report() const;
  // Closes everything, tells nobody.
  void release();

 private:
  using WallTime = PeerReport::WallTime;

  // core::Effects
  void reply(core::ClientId client, std::string_view line) override;
  void close_client(core::ClientId client) override;
  void open_connection(core::ConnectionId connection, core::AttemptClass attempt) override;
  void write_lines(core::ConnectionId connection, std::string_view lines) override;
  void set_line_limit(core::ConnectionId connection, std::size_t bytes) override;
  std::error_code check_quiet(core::ConnectionId connection) override;
  void close_connection(core::ConnectionId connection) override;
  void set_deadline(core::TimePoint deadline) override;
  void fetch_delayed() override { delayed_.fetch(); }
  void delayed_answered(std::string_view record, bool is_last) override {
    delayed_.answered(std::string(record), is_last);
  }
  void set_aside_delayed(std::string_view reason, bool is_last) override {
    delayed_.set_aside(std::string(reason), is_last);
  }
  void delayed_failed(unsigned attempts) override { delayed_.failed(attempts); }
  void return_delayed(bool first_was_sent) override { delayed_.give_back(first_was_sent); }
  void log(core::Severity severity, std::string_view message) override { log_request(severity, {}, message); }
  void log_request(core::Severity severity, std::string_view command, std::string_view message) override;
  void status_changed() override { is_status_old_ = true; }
  void drained() override;

  // LocalListener::Handler
  void client_connected(UniqueFd fd, ClientLimit::Slot slot) override;
  void accept_failed(std::error_code error) override;
  void client_refused(ClientLimit::Place why) override;

  // ClientSession::Handler
  void client_line(core::ClientId client, std::string_view line) override;
  void client_line_too_long(core::ClientId client) override;
  void client_line_refused(core::ClientId client) override;
  void client_answered(core::ClientId client) override;
  void client_gone(core::ClientId client, bool was_waiting) override;
  void client_failed(std::exception_ptr failure) override { fail(failure); }

  // SocketWatch::Handler
  void socket_ready(std::uint64_t number, SocketWatch::News news) override;

  // LondConnection::Handler
  void connection_started(core::ConnectionId connection) override;
  void connection_trying(const PeerAddress::Endpoint& endpoint) override;
  void connection_up(core::ConnectionId connection) override;
  void connection_failed(core::ConnectionId connection, std::error_code error) override;
  void line_received(core::ConnectionId connection, std::string_view line) override;
  void received_all(core::ConnectionId connection, bool is_mid_line) override;
  void connection_closed(core::ConnectionId connection, std::error_code error) override;

  // peer_session_address.cpp: a name that moves
  void look_again_later();
  void look_again(core::Duration not_within);
  void addresses_known();

  template <typename Action>
  void guarded(Action action);
  template <typename Coroutine>
  void spawn(Coroutine task);
  void subscribe_to_spool();
  void refresh_status();
  LondConnection* find(core::ConnectionId id);
  std::shared_ptr<LondConnection> take(core::ConnectionId id);
  void look_after_clients();
  void arm_timer();
  void timer_fired();
  void check_drained();
  void drain_time_is_over();
  void finish_drain();
  void fail(std::exception_ptr failure);
  void call(std::function<void()> callback);

  Strand strand_;
  PeerConfig config_;
  const std::string peer_id_;
  PeerServices services_;
  FailedHandler failed_;
  std::atomic<bool> is_abandoned_{false};
  std::atomic<bool> is_socket_left_{false};
  bool has_ended_ = false;  // released: nothing is open and the engine is told nothing more

  core::PeerEngine engine_;
  std::shared_ptr<LocalListener> listener_;
  std::shared_ptr<PeerAddress> address_;
  Timer address_timer_;
  std::minstd_rand random_;  // for the jitter of address_timer_
  core::TimePoint looked_again_{};
  std::unordered_map<core::ClientId, std::shared_ptr<ClientSession>> clients_;
  std::vector<std::shared_ptr<LondConnection>> connections_;
  Spooler::Handle delayed_;
  const std::shared_ptr<Turn> turn_;
  const std::shared_ptr<SocketWatch> watch_;  // of the clients
  std::uint32_t events_ = 0;                  // see guarded(); they may overflow
  const ClientSession::Shared shared_;

  Timer clients_timer_;
  bool is_clients_timer_set_ = false;

  Timer timer_;
  core::TimePoint deadline_ = core::never;     // of the engine
  core::TimePoint armed_until_ = core::never;  // when timer_ will fire; it may be earlier than the deadline

  std::function<void()> drain_done_;
  Timer drain_timer_;
  core::TimePoint drain_until_ = core::never;
  bool is_drained_ = false;        // the engine said so
  bool is_check_posted_ = false;

  // For report and log.
  bool is_status_old_ = false;
  core::PeerState state_ = core::PeerState::starting;
  WallTime state_since_;
  std::string text_;
  WallTime text_since_;
  std::string address_text_;
  std::string last_log_;  // of those that are not for debugging
  core::Severity last_log_severity_ = core::Severity::notice;
  WallTime last_log_at_{};
};

}  // namespace lonc::net
