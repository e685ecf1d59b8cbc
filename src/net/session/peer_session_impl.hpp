// The implementation of PeerSession, all of it on the strand: does what one core::PeerEngine asks for, and reports
// events to it.
#pragma once

#include "net/client/client_session.hpp"
#include "net/client/local_listener.hpp"
#include "net/peer/lond_connection.hpp"
#include "net/peer/peer_address.hpp"
#include "net/socket/socket_watch.hpp"
#include "net/socket/turn.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/core/engine/effects.hpp>
#include <lonc/core/engine/peer_engine.hpp>
#include <lonc/net/session/peer_session.hpp>
#include <lonc/net/socket/executor.hpp>
#include <lonc/net/spool/spooler.hpp>

#include <algorithm>
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
#include <utility>
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

 private:
  friend class PeerSession;

  static core::TimePoint now() { return std::chrono::steady_clock::now(); }

  // core::Effects
  void reply(core::ClientId client, std::string_view line) override {
    const auto found = clients_.find(client);
    if (found != clients_.end()) found->second->reply(line);
  }
  void close_client(core::ClientId client) override {
    const auto found = clients_.find(client);
    if (found == clients_.end()) return;
    found->second->close();
    clients_.erase(found);
  }
  void open_connection(core::ConnectionId connection, core::AttemptClass attempt) override;
  void write_lines(core::ConnectionId id, std::string_view lines) override {
    if (auto* const connection = find(id)) connection->write_lines(lines);
  }
  void set_line_limit(core::ConnectionId id, std::size_t bytes) override {
    if (auto* const connection = find(id)) connection->set_line_limit(bytes);
  }
  std::error_code check_quiet(core::ConnectionId id) override {
    const auto* const connection = find(id);
    return connection != nullptr ? connection->check_quiet() : core::Errc::connection_closed;
  }
  void close_connection(core::ConnectionId id) override {
    if (auto* const connection = find(id)) connection->close();
    forget(id);
  }
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
  void drained() override {
    is_drained_ = true;
    check_drained();
  }

  // LocalListener::Handler
  void client_connected(os::UniqueFd fd, ClientLimit::Slot slot) override;
  void accept_failed(std::error_code error) override;
  void client_refused(ClientLimit::Place why) override;

  // ClientSession::Handler
  void client_line(core::ClientId client, std::string_view line) override;
  void client_line_too_long(core::ClientId client) override {
    guarded([&] { engine_.client_line_too_long(clients_time_ = now(), client); });
  }
  void client_line_refused(core::ClientId client) override {
    guarded([&] { engine_.client_line_refused(clients_time_ = now(), client); });
  }
  void client_answered(core::ClientId) override { check_drained(); }
  void client_gone(core::ClientId client, bool was_waiting) override;
  void client_failed(std::exception_ptr failure) override { fail(failure); }

  // SocketWatch::Handler
  void socket_ready(std::uint64_t number, SocketWatch::News news) override {
    const auto found = clients_.find(core::ClientId{number});
    if (found == clients_.end()) return;
    const auto client = found->second;
    client->ready(news);
  }

  // LondConnection::Handler
  void connection_started(core::ConnectionId id) override {
    guarded([&] { engine_.connection_started(now(), id); });
  }
  void connection_trying(const PeerAddress::Endpoint& endpoint) override;
  void connection_up(core::ConnectionId id) override {
    guarded([&] { engine_.connection_up(now(), id); });
  }
  void line_received(core::ConnectionId id, std::string_view line) override {
    guarded([&] { engine_.line_received(now(), id, line); });
  }
  std::size_t received_all(core::ConnectionId id, bool is_mid_line) override {
    std::size_t kept = 0;
    guarded([&] { kept = engine_.received_all(now(), id, is_mid_line); });
    return kept;
  }
  void connection_closed(core::ConnectionId id, std::error_code error) override {
    forget(id);
    guarded([&] { engine_.connection_closed(now(), id, error); });
  }

  // What to do if a name leads elsewhere or a peer has moved.
  void watch_address();
  void move();
  void look_again_later();
  void look_again(core::Duration not_within);
  void addresses_known();

  template <typename Action>
  void guarded(Action action);
  template <typename Coroutine>
  void spawn(Coroutine task);
  void subscribe_to_spool();
  void watch_places();
  void listen();
  PeerReport make_report() const;
  void refresh_status();
  LondConnection* find(core::ConnectionId id) {
    const auto found = std::ranges::find(connections_, id, [](const auto& connection) { return connection->id(); });
    return found == connections_.end() ? nullptr : found->get();
  }
  void forget(core::ConnectionId id) {
    std::erase_if(connections_, [id](const auto& connection) { return connection->id() == id; });
  }
  void look_after_clients();
  void close_idle_clients(core::Duration idle_for);
  void arm_timer();
  void drain(core::TimePoint until);
  void check_drained();
  void finish_drain();
  // Closes everything without calling anyone.
  void release();
  void fail(std::exception_ptr failure);
  void call(std::function<void()> callback);

  Strand strand_;
  PeerConfig config_;
  const std::string peer_id_;
  PeerServices services_;
  FailedHandler failed_;
  std::atomic<bool> is_abandoned_{false};  // set by any thread: no callback is called from now on
  bool has_ended_ = false;  // released: nothing is open, and the engine gets no more events

  core::PeerEngine engine_;
  ClientLimit::Share share_;
  std::shared_ptr<LocalListener> listener_;
  std::shared_ptr<PeerAddress> address_;
  Timer address_timer_{strand_};
  std::minstd_rand random_;  // for the jitter of address_timer_
  core::TimePoint looked_again_{};
  std::unordered_map<core::ClientId, std::shared_ptr<ClientSession>> clients_;
  std::vector<std::shared_ptr<LondConnection>> connections_;
  Spooler::Handle delayed_;
  const std::shared_ptr<Turn> turn_ = std::make_shared<Turn>(strand_);
  const std::shared_ptr<SocketWatch> watch_;  // of the clients
  std::uint32_t events_ = 0;                 // see guarded(); may overflow
  core::TimePoint clients_time_{};  // for the clients, which read no clock: now, or a little earlier
  const ClientSession::Shared shared_{strand_, *turn_, *watch_, *this, events_, clients_time_};

  Timer clients_timer_{strand_};
  bool is_clients_timer_set_ = false;
  std::optional<core::TimePoint> warned_of_closing_;

  Timer timer_{strand_};
  core::TimePoint deadline_ = core::never;  // of the engine
  core::TimePoint armed_until_ = core::never;  // when timer_ will fire; may differ a little from the deadline

  std::vector<std::function<void()>> drain_done_;  // what is called then; not empty while draining
  Timer drain_timer_{strand_};
  core::TimePoint drain_until_ = core::never;
  bool is_drained_ = false;  // the engine has reported it
  bool is_check_posted_ = false;

  // For report and log, except for what make_report() adds. The last log line is none for debugging.
  PeerReport shown_;
  bool is_status_old_ = false;  // that of `shown_`
};

// The one place where an exception of this session is caught. None may reach other sessions.
template <typename Action>
void PeerSession::Impl::guarded(Action action) {
  if (has_ended_) return;
  ++events_;
  try {
    action();
    if (std::exchange(is_status_old_, false)) refresh_status();
  } catch (...) {
    fail(std::current_exception());
  }
}

}  // namespace lonc::net
