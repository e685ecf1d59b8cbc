#include "peer_session_impl.hpp"

#include <lonc/core/error.hpp>
#include <lonc/core/handshake.hpp>
#include <lonc/net/log_sink.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace lonc::net {

namespace {

constexpr std::chrono::milliseconds clients_interval{
    200};  // after one to two of them a client that has left is noticed
constexpr std::chrono::seconds far_off{1};
constexpr std::chrono::seconds between_sweeps{10};  // SIGUSR1 comes in bursts, and name servers are not asked each time
constexpr core::Duration late = std::chrono::milliseconds{100};  // at most

core::TimePoint now() { return std::chrono::steady_clock::now(); }

core::ClientId next_client_id() {
  static std::atomic<std::uint64_t> last{0};
  return core::ClientId{last.fetch_add(1) + 1};
}

}  // namespace

PeerSession::Impl::Impl(boost::asio::io_context& io, PeerConfig config, const PeerServices& services,
                        std::uint64_t seed, FailedHandler failed)
    : strand_(boost::asio::make_strand(io)),
      config_(std::move(config)),
      peer_id_(config_.engine.peer_id),
      services_(services),
      failed_(std::move(failed)),
      engine_(config_.engine, seed, *this),
      listener_(std::make_shared<LocalListener>(strand_, config_.socket_path, config_.socket_mode, config_.socket_group,
                                                services_.client_limit)),
      address_(std::make_shared<PeerAddress>(services_.resolver, strand_, config_.name, config_.address, config_.port)),
      address_timer_(strand_),
      random_(static_cast<std::minstd_rand::result_type>(seed)),
      turn_(std::make_shared<Turn>(strand_)),
      watch_(std::make_shared<SocketWatch>(strand_, static_cast<SocketWatch::Handler&>(*this))),
      shared_{strand_, *turn_, *watch_, *this, events_},
      clients_timer_(strand_),
      timer_(strand_),
      drain_timer_(strand_),
      state_since_(std::chrono::system_clock::now()),
      text_since_(state_since_) {
  refresh_status();
}

PeerSession::Impl::~Impl() { release(); }

// The one place where an exception of this session ends. Nothing of it may reach the neighbours.
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

template <typename Coroutine>
void PeerSession::Impl::spawn(Coroutine task) {
  boost::asio::co_spawn(strand_, std::move(task), [weak = weak_from_this()](std::exception_ptr failure) {
    const auto self = weak.lock();
    if (failure && self) self->fail(failure);
  });
}

void PeerSession::Impl::start() {
  guarded([this] {
    subscribe_to_spool();
    address_->on_addresses([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->guarded([&] { self->addresses_known(); });
    });
    look_again_later();
    engine_.start(now());
    spawn([this, listener = listener_] { return listener->run(*this); });
  });
}

void PeerSession::Impl::reconnect() {
  guarded([this] {
    engine_.reconnect(now());
    look_again(between_sweeps);
  });
}

void PeerSession::Impl::pause(core::TimePoint until) {
  guarded([&] { engine_.pause(now(), until); });
}

void PeerSession::Impl::resume() {
  guarded([this] {
    engine_.resume(now());
    look_again({});
  });
}

// What names the peer and its socket is fixed for the life of a session.
void PeerSession::Impl::apply(PeerConfig config) {
  guarded([&] {
    config_.engine = config.engine;
    config_.resolve_timeout = config.resolve_timeout;
    config_.keep_alive = config.keep_alive;
    engine_.apply(now(), std::move(config.engine));
    look_again({});
  });
}

SocketLook PeerSession::Impl::look_after_socket() {
  SocketLook look;
  if (!is_socket_left_) guarded([&] { look = listener_->look_after(); });
  return look;
}

// --- clients

void PeerSession::Impl::client_connected(UniqueFd fd, ClientLimit::Slot slot) {
  guarded([&] {
    const auto id = next_client_id();
    const ClientSession::Limits limits{config_.engine.max_line_length, config_.engine.request_timeout};
    const auto client = std::make_shared<ClientSession>(shared_, id, std::move(fd), std::move(slot), limits);
    clients_.emplace(id, client);
    client->start();
  });
}

void PeerSession::Impl::accept_failed(std::error_code error) {
  guarded([&] {
    log(core::Severity::warning,
        "Clients can not be accepted: " + error.message() + "; raise the limit on open files or lower max-clients");
  });
}

void PeerSession::Impl::client_refused(ClientLimit::Place why) {
  guarded([&] {
    const std::string places = std::to_string(services_.client_limit.limit()) + " places for clients are taken";
    const bool is_share = why == ClientLimit::Place::over_share;
    log(core::Severity::warning, (is_share ? "Half of all " + places + " by clients of this peer" : "All " + places) +
                                     ": further ones are answered con_lost; raise max-clients, and the limit on open "
                                     "files with it");
  });
}

void PeerSession::Impl::client_line(core::ClientId client, std::string_view line) {
  guarded([&] {
    engine_.client_line(now(), client, line);
    if (!is_clients_timer_set_) look_after_clients();
  });
}

void PeerSession::Impl::client_line_refused(core::ClientId client) {
  guarded([&] { engine_.client_line_refused(now(), client); });
}

void PeerSession::Impl::client_line_too_long(core::ClientId client) {
  guarded([&] { engine_.client_line_too_long(now(), client); });
}

void PeerSession::Impl::client_answered(core::ClientId) { check_drained(); }

void PeerSession::Impl::client_gone(core::ClientId client, bool was_waiting) {
  if (was_waiting) guarded([&] { engine_.client_gone(client); });
  clients_.erase(client);
  check_drained();
}

// Goes on for as long as any waits for its answer.
void PeerSession::Impl::look_after_clients() {
  is_clients_timer_set_ = true;
  clients_timer_.expires_after(clients_interval);
  clients_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->has_ended_) return;
    self->is_clients_timer_set_ = false;
    self->guarded([&] {
      bool is_any_busy = false;
      for (const auto& [id, client] : self->clients_) {
        client->look_after();
        is_any_busy = is_any_busy || client->is_busy();
      }
      if (is_any_busy) self->look_after_clients();
    });
  });
}

void PeerSession::Impl::socket_ready(std::uint64_t number, SocketWatch::News news) {
  const auto found = clients_.find(core::ClientId{number});
  if (found == clients_.end()) return;
  const auto client = found->second;
  client->ready(news);
}

void PeerSession::Impl::reply(core::ClientId client, std::string_view line) {
  const auto found = clients_.find(client);
  if (found != clients_.end()) found->second->reply(line);
}

void PeerSession::Impl::close_client(core::ClientId client) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  found->second->close();
  clients_.erase(found);
}

// --- connections

LondConnection* PeerSession::Impl::find(core::ConnectionId id) {
  const auto found = std::ranges::find(connections_, id, [](const auto& connection) { return connection->id(); });
  return found == connections_.end() ? nullptr : found->get();
}

std::shared_ptr<LondConnection> PeerSession::Impl::take(core::ConnectionId id) {
  const auto found = std::ranges::find(connections_, id, [](const auto& connection) { return connection->id(); });
  if (found == connections_.end()) return nullptr;
  auto connection = std::move(*found);
  connections_.erase(found);
  return connection;
}

void PeerSession::Impl::open_connection(core::ConnectionId id, core::AttemptClass attempt) {
  const LondConnection::Options options{attempt, core::Handshake::line_limit, config_.resolve_timeout,
                                        config_.keep_alive, config_.engine.connect_timeout};
  LondConnection::Handler& handler = *this;
  auto connection = std::make_shared<LondConnection>(strand_, id, address_, services_.gate, options, handler);
  connections_.push_back(connection);
  spawn([connection = std::move(connection)] { return connection->run(); });
}

void PeerSession::Impl::write_lines(core::ConnectionId id, std::string_view lines) {
  if (auto* const connection = find(id)) connection->write_lines(lines);
}

void PeerSession::Impl::set_line_limit(core::ConnectionId id, std::size_t bytes) {
  if (auto* const connection = find(id)) connection->set_line_limit(bytes);
}

std::error_code PeerSession::Impl::check_quiet(core::ConnectionId id) {
  const auto* const connection = find(id);
  return connection != nullptr ? connection->check_quiet() : core::Errc::connection_closed;
}

void PeerSession::Impl::close_connection(core::ConnectionId id) {
  if (const auto connection = take(id)) connection->close();
}

void PeerSession::Impl::connection_started(core::ConnectionId id) {
  guarded([&] { engine_.connection_started(now(), id); });
}

void PeerSession::Impl::connection_trying(const PeerAddress::Endpoint& endpoint) {
  guarded([&] {
    const std::string address = endpoint.address().to_string();
    address_text_ =
        (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
  });
}

void PeerSession::Impl::connection_up(core::ConnectionId id) {
  guarded([&] { engine_.connection_up(now(), id); });
}

void PeerSession::Impl::connection_failed(core::ConnectionId id, std::error_code error) {
  take(id);
  guarded([&] { engine_.connection_failed(now(), id, error); });
}

void PeerSession::Impl::line_received(core::ConnectionId id, std::string_view line) {
  guarded([&] { engine_.line_received(now(), id, line); });
}

void PeerSession::Impl::received_all(core::ConnectionId id, bool is_mid_line) {
  guarded([&] { engine_.received_all(now(), id, is_mid_line); });
}

void PeerSession::Impl::connection_closed(core::ConnectionId id, std::error_code error) {
  take(id);
  guarded([&] { engine_.connection_closed(now(), id, error); });
}

// --- delayed messages

// A callback may still come when the session is gone.
void PeerSession::Impl::subscribe_to_spool() {
  const auto told = [weak = weak_from_this()](auto tell) {
    return [weak, tell](auto... what) {
      const auto self = weak.lock();
      if (self) self->guarded([&] { tell(self->engine_, std::move(what)...); });
    };
  };
  using core::PeerEngine;
  delayed_ = services_.spooler.subscribe(
      peer_id_, strand_,
      {.waiting = told([](PeerEngine& engine, std::size_t messages) { engine.delayed_waiting(now(), messages); }),
       .batch =
           told([](PeerEngine& engine, core::DelayedBatch batch) { engine.delayed_batch(now(), std::move(batch)); }),
       .withdraw = told([](PeerEngine& engine) { engine.withdraw_delayed(now()); }),
       .retry = told([](PeerEngine& engine) { engine.retry_delayed(now()); })});
}

// --- the clock

// The engine says so only when it comes earlier or was worked out anew: the common path costs no timer operation.
void PeerSession::Impl::set_deadline(core::TimePoint deadline) {
  deadline_ = deadline;
  if (deadline_ < armed_until_ || deadline_ > armed_until_ + late) arm_timer();
}

// What is far off may come a little late, so that thousands of peers that are away wake the process together.
void PeerSession::Impl::arm_timer() {
  armed_until_ = deadline_;
  if (deadline_ == core::never) {
    timer_.cancel();
    return;
  }
  if (deadline_ - now() > far_off) armed_until_ += late - armed_until_.time_since_epoch() % late;
  timer_.expires_at(armed_until_);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self) self->timer_fired();
  });
}

void PeerSession::Impl::timer_fired() {
  armed_until_ = core::never;
  if (has_ended_) return;
  guarded([this] {
    const auto time = now();
    if (time < deadline_) return arm_timer();
    deadline_ = core::never;
    engine_.deadline(time);
  });
}

// --- the end

void PeerSession::Impl::stop_listening(std::function<void()> done) {
  guarded([this] {
    engine_.drain(now(), core::never);
    listener_->stop();
  });
  call(std::move(done));
}

void PeerSession::Impl::drain(core::TimePoint until, std::function<void()> done) {
  if (has_ended_) return call(std::move(done));
  if (!done) done = [] {};
  // A second call only makes the end come sooner; whoever made the first is told as well.
  if (drain_done_) {
    drain_done_ = [first = std::move(drain_done_), second = std::move(done)] { first(), second(); };
  } else {
    drain_done_ = std::move(done);
  }
  guarded([&] {
    drain_until_ = std::min(drain_until_, until);
    engine_.drain(now(), drain_until_);
    listener_->stop();
    drain_timer_.expires_at(drain_until_);
    drain_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!error && self) self->drain_time_is_over();
    });
    check_drained();
  });
}

void PeerSession::Impl::drained() {
  is_drained_ = true;
  check_drained();
}

// Looks in a later turn, so that a client that has just been answered can say what it had sent already.
void PeerSession::Impl::check_drained() {
  if (!drain_done_ || !is_drained_ || std::exchange(is_check_posted_, true)) return;
  boost::asio::post(strand_, [self = shared_from_this()] {
    self->is_check_posted_ = false;
    const bool is_busy = std::ranges::any_of(self->clients_, [](const auto& c) { return c.second->is_busy(); });
    if (!is_busy) self->finish_drain();
  });
}

void PeerSession::Impl::drain_time_is_over() {
  if (!is_drained_) guarded([this] { engine_.deadline(now()); });
  finish_drain();
}

void PeerSession::Impl::finish_drain() {
  release();
  if (auto done = std::exchange(drain_done_, nullptr)) call(std::move(done));
}

void PeerSession::Impl::fail(std::exception_ptr failure) {
  if (has_ended_) return;
  release();
  call([this, failure] {
    if (const auto failed = std::exchange(failed_, nullptr)) failed(failure);
  });
  if (auto done = std::exchange(drain_done_, nullptr)) call(std::move(done));
}

void PeerSession::Impl::call(std::function<void()> callback) {
  boost::asio::post(strand_, [self = shared_from_this(), callback = std::move(callback)] {
    if (!self->is_abandoned_ && callback) callback();
  });
}

void PeerSession::Impl::release() {
  if (std::exchange(has_ended_, true)) return;
  listener_->close();
  clients_timer_.cancel();
  timer_.cancel();
  drain_timer_.cancel();
  address_timer_.cancel();
  delayed_ = {};
  for (const auto& [id, client] : std::exchange(clients_, {})) client->close();
  watch_->close();
  for (const auto& connection : std::exchange(connections_, {})) connection->close();
}

}  // namespace lonc::net
