#include "net/session/peer_session_impl.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

namespace lonc::net {

namespace {

constexpr std::chrono::milliseconds clients_interval{
    200};  // a client that has left is noticed after one to two of these intervals
constexpr std::chrono::hours warning_interval{1};  // per peer, for a warning that stays the same
constexpr std::chrono::seconds far_off{1};
constexpr core::Duration late = std::chrono::milliseconds{100};  // at most

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
      share_(services_.client_limit),
      listener_(std::make_shared<LocalListener>(strand_, config_.socket_path, config_.socket_mode, config_.socket_group,
                                                share_)),
      address_(std::make_shared<PeerAddress>(services_.resolver, strand_, config_.name, config_.address, config_.port)),
      random_(static_cast<std::minstd_rand::result_type>(seed)),
      watch_(std::make_shared<SocketWatch>(strand_, static_cast<SocketWatch::Handler&>(*this))) {
  shown_.state_since = shown_.text_since = std::chrono::system_clock::now();
  refresh_status();
}

PeerSession::Impl::~Impl() { release(); }

template <typename Coroutine>
void PeerSession::Impl::spawn(Coroutine task) {
  boost::asio::co_spawn(strand_, std::move(task), [weak = weak_from_this()](std::exception_ptr failure) {
    const auto self = weak.lock();
    if (failure && self) self->fail(failure);
  });
}

void PeerSession::Impl::listen() {
  spawn([this, listener = listener_] { return listener->run(*this); });
}

// --- clients

void PeerSession::Impl::client_connected(os::UniqueFd fd, ClientLimit::Slot slot) {
  guarded([&] {
    if (!is_clients_timer_set_) clients_time_ = now();
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
        "Clients cannot be accepted: " + error.message() + "; raise the limit on open files or lower max-clients");
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

void PeerSession::Impl::client_gone(core::ClientId client, bool was_waiting) {
  if (was_waiting) guarded([&] { engine_.client_gone(client); });
  clients_.erase(client);
  check_drained();
}

// Repeats for as long as any client waits for its answer.
void PeerSession::Impl::look_after_clients() {
  is_clients_timer_set_ = true;
  clients_time_ = now();
  clients_timer_.expires_at(clients_time_ + clients_interval);
  clients_timer_.async_wait(if_alive(weak_from_this(), [](Impl& self) {
    self.is_clients_timer_set_ = false;
    self.guarded([&] {
      bool is_any_busy = false;
      for (const auto& [id, client] : self.clients_) {
        client->look_after();
        is_any_busy = is_any_busy || client->is_busy();
      }
      if (is_any_busy) self.look_after_clients();
    });
  }));
}

// All peers share the places for clients: others may need some of this peer's.
void PeerSession::Impl::watch_places() {
  share_.on_shortage([weak = weak_from_this(), strand = strand_](core::Duration idle_for) {
    boost::asio::post(strand, [weak, idle_for] {
      if (const auto self = weak.lock()) self->close_idle_clients(idle_for);
    });
  });
}

// The client that has been idle longest is closed first, and no more are closed than necessary.
void PeerSession::Impl::close_idle_clients(core::Duration idle_for) {
  guarded([&] {
    std::vector<std::pair<core::TimePoint, core::ClientId>> idle;
    const auto time = now();
    for (const auto& [id, client] : clients_) {
      if (client->idle_since() <= time - idle_for) idle.emplace_back(client->idle_since(), id);
    }
    std::ranges::sort(idle);
    const std::uint64_t closed_before = shown_.idle_clients_closed;
    for (const auto& [since, id] : idle) {
      if (!share_.is_short()) break;
      const auto client = clients_.find(id);
      if (!client->second->close_if_idle()) continue;
      clients_.erase(client);
      ++shown_.idle_clients_closed;
    }
    if (shown_.idle_clients_closed == closed_before ||
        (warned_of_closing_ && time - *warned_of_closing_ < warning_interval))
      return;
    warned_of_closing_ = time;
    log(core::Severity::warning,
        "Places for clients are running short: idle ones are closed, the longest idle first; raise max-clients, and "
        "the limit on open files with it");
  });
}

// --- connections

void PeerSession::Impl::open_connection(core::ConnectionId id, core::AttemptClass attempt) {
  const LondConnection::Options options{attempt, config_.resolve_timeout, config_.keep_alive,
                                        config_.engine.connect_timeout};
  LondConnection::Handler& handler = *this;
  auto connection =
      std::make_shared<LondConnection>(strand_, id, address_, services_.gate, share_.memory(), options, handler);
  connections_.push_back(connection);
  spawn([connection = std::move(connection)] { return connection->run(); });
}

void PeerSession::Impl::connection_trying(const PeerAddress::Endpoint& endpoint) {
  guarded([&] {
    const std::string address = endpoint.address().to_string();
    shown_.address =
        (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
  });
}

// --- delayed messages

// A callback may still run after the session is gone.
void PeerSession::Impl::subscribe_to_spool() {
  const auto to_engine = [weak = weak_from_this()](auto event) {
    return [weak, event](auto... what) {
      const auto self = weak.lock();
      if (self) self->guarded([&] { event(self->engine_, std::move(what)...); });
    };
  };
  using core::PeerEngine;
  delayed_ = services_.spooler.subscribe(
      peer_id_, strand_,
      {.waiting = to_engine([](PeerEngine& engine, std::size_t messages) { engine.delayed_waiting(now(), messages); }),
       .batch = to_engine(
           [](PeerEngine& engine, core::DelayedBatch batch) { engine.delayed_batch(now(), std::move(batch)); }),
       .withdraw = to_engine([](PeerEngine& engine) { engine.withdraw_delayed(now()); }),
       .retry = to_engine([](PeerEngine& engine) { engine.retry_delayed(now()); })});
}

// --- the clock

// The engine calls this only when the deadline moves earlier or was computed again, so the common path costs no timer
// operation.
void PeerSession::Impl::set_deadline(core::TimePoint deadline) {
  deadline_ = deadline;
  if (deadline_ < armed_until_ || deadline_ > armed_until_ + late) arm_timer();
}

// Distant deadlines may fire a little late, so that thousands of unreachable peers wake the process together.
void PeerSession::Impl::arm_timer() {
  armed_until_ = deadline_;
  if (deadline_ == core::never) {
    timer_.cancel();
    return;
  }
  if (deadline_ - now() > far_off) armed_until_ += late - armed_until_.time_since_epoch() % late;
  timer_.expires_at(armed_until_);
  timer_.async_wait(if_alive(weak_from_this(), [](Impl& self) {
    self.armed_until_ = core::never;
    self.guarded([&] {
      const auto time = now();
      if (time < self.deadline_) return self.arm_timer();
      self.deadline_ = core::never;
      self.engine_.deadline(time);
    });
  }));
}

}  // namespace lonc::net
