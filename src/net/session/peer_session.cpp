// What the owner of a session requests, each on the session's strand and in the order of the calls, and the parts of
// PeerSession::Impl that only such requests need: where the peer is, its report and log, and the end.
#include <lonc/net/session/peer_session.hpp>

#include "net/session/peer_session_impl.hpp"

#include <lonc/net/session/log_sink.hpp>

#include <boost/asio/post.hpp>

#include <utility>

namespace lonc::net {

namespace {

constexpr std::chrono::seconds between_sweeps{10};  // SIGUSR1 comes in bursts; name servers are not asked each time

}  // namespace

template <typename Action>
void PeerSession::on_strand(Action action) {
  boost::asio::post(impl_->strand_, [impl = impl_, action = std::move(action)]() mutable { action(*impl); });
}

template <typename Action>
void PeerSession::on_strand_guarded(Action action) {
  on_strand([action = std::move(action)](Impl& impl) mutable { impl.guarded([&] { action(impl); }); });
}

PeerSession::PeerSession(boost::asio::io_context& io, PeerConfig config, const PeerServices& services,
                         std::uint64_t seed, FailedHandler failed)
    : impl_(std::make_shared<Impl>(io, std::move(config), services, seed, std::move(failed))) {}

PeerSession::~PeerSession() {
  impl_->is_abandoned_ = true;
  on_strand([](Impl& impl) { impl.release(); });
}

void PeerSession::start() {
  on_strand_guarded([](Impl& impl) {
    impl.subscribe_to_spool();
    impl.watch_address();
    impl.watch_places();
    impl.engine_.start(Impl::now());
    impl.listen();
  });
}

void PeerSession::reconnect() {
  on_strand_guarded([](Impl& impl) {
    impl.engine_.reconnect(Impl::now());
    impl.look_again(between_sweeps);
  });
}

void PeerSession::pause(core::TimePoint until) {
  on_strand_guarded([until](Impl& impl) { impl.engine_.pause(Impl::now(), until); });
}

void PeerSession::resume() {
  on_strand_guarded([](Impl& impl) {
    impl.engine_.resume(Impl::now());
    impl.look_again({});
  });
}

// The peer's id and its socket are fixed for the life of a session.
void PeerSession::apply(PeerConfig config) {
  on_strand_guarded([config = std::move(config)](Impl& impl) mutable {
    const bool has_moved = config.has_moved(impl.config_);
    impl.config_ = std::move(config);
    if (has_moved) impl.move();
    impl.engine_.apply(Impl::now(), impl.config_.engine,
                       has_moved ? core::PeerEngine::Place::another : core::PeerEngine::Place::same);
    impl.look_again({});
  });
}

void PeerSession::stop_listening(std::function<void()> done) {
  on_strand([done = std::move(done)](Impl& impl) mutable {
    impl.guarded([&] {
      impl.engine_.drain(Impl::now(), core::never);
      impl.listener_->stop();
    });
    impl.call(std::move(done));
  });
}

void PeerSession::drain(core::TimePoint until, std::function<void()> done) {
  on_strand([until, done = std::move(done)](Impl& impl) mutable {
    if (impl.has_ended_) return impl.call(std::move(done));
    impl.drain_done_.push_back(std::move(done));
    impl.guarded([&] { impl.drain(until); });
  });
}

void PeerSession::report(std::function<void(PeerReport)> done) {
  on_strand([done = std::move(done)](Impl& impl) {
    if (impl.is_abandoned_) return;
    os::SocketLook socket;
    impl.guarded([&] { socket = impl.listener_->look_after(); });
    PeerReport report = impl.make_report();
    report.socket = std::move(socket);
    done(std::move(report));
  });
}

// --- where the peer is: its name may later resolve to other addresses, and a reload may give it another place

void PeerSession::Impl::watch_address() {
  address_->on_addresses([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->guarded([&] { self->addresses_known(); });
  });
  look_again_later();
}

// A running attempt keeps the old address until the engine has ended it.
void PeerSession::Impl::move() {
  address_->on_addresses({});
  address_ = std::make_shared<PeerAddress>(services_.resolver, strand_, config_.name, config_.address, config_.port);
  shown_.address.clear();
  address_timer_.cancel();
  watch_address();
}

// At random times, so that the names of thousands of peers are not looked up together.
void PeerSession::Impl::look_again_later() {
  if (!address_->is_name()) return;
  std::uniform_real_distribution<> jitter(0.5, 1.5);
  address_timer_.expires_after(std::chrono::duration_cast<core::Duration>(config_.look_again * jitter(random_)));
  address_timer_.async_wait(if_alive(weak_from_this(), [](Impl& self) {
    if (self.has_ended_) return;
    self.look_again({});
    self.look_again_later();
  }));
}

// A new attempt looks the name up itself, and takes precedence over peers that are connected.
void PeerSession::Impl::look_again(core::Duration not_within) {
  const auto time = now();
  if (connections_.empty() || time < looked_again_ + not_within) return;
  looked_again_ = time;
  address_->look_up(Resolver::Priority::low);
}

// A failed lookup says nothing, so the connections stay.
void PeerSession::Impl::addresses_known() {
  std::vector<core::ConnectionId> outdated;
  for (const auto& connection : connections_) {
    const auto& endpoint = connection->endpoint();
    if (endpoint && !address_->has(endpoint->address())) outdated.push_back(connection->id());
  }
  if (!outdated.empty()) engine_.address_changed(now(), outdated);
}

// --- log and status

void PeerSession::Impl::log_request(core::Severity severity, std::string_view command, std::string_view message) {
  if (std::exchange(is_status_old_, false)) refresh_status();
  if (severity != core::Severity::debug) {
    shown_.last_log = message;
    shown_.last_log_severity = severity;
    shown_.last_log_at = std::chrono::system_clock::now();
  }
  services_.log.write(severity, LogContext{peer_id_, shown_.status.text, shown_.text_since, command}, message);
}

void PeerSession::Impl::refresh_status() {
  const auto before = std::exchange(shown_.status, engine_.status());
  const auto time = std::chrono::system_clock::now();
  if (before.text != shown_.status.text) shown_.text_since = time;
  if (before.state == shown_.status.state) return;
  shown_.state_since = time;
  if (services_.observer) services_.observer->state_changed();
}

PeerReport PeerSession::Impl::make_report() const {
  const auto steady_now = now();
  const auto wall_now = std::chrono::system_clock::now();
  const auto wall = [&](core::TimePoint time) {
    return wall_now + std::chrono::duration_cast<PeerReport::WallTime::duration>(time - steady_now);
  };
  PeerReport report = shown_;
  report.status = engine_.status();
  report.name = config_.name;
  report.clients = clients_.size();
  if (report.status.last_error) report.last_error_at = wall(report.status.last_error_at);
  if (report.status.next_attempt != core::never) report.next_attempt_at = wall(report.status.next_attempt);
  return report;
}

// --- the end

// A second call can only make the end come sooner.
void PeerSession::Impl::drain(core::TimePoint until) {
  drain_until_ = std::min(drain_until_, until);
  engine_.drain(now(), drain_until_);
  listener_->stop();
  drain_timer_.expires_at(drain_until_);
  drain_timer_.async_wait(if_alive(weak_from_this(), [](Impl& self) {
    if (!self.is_drained_) self.guarded([&] { self.engine_.deadline(now()); });
    self.finish_drain();
  }));
  check_drained();
}

// Checks in a later turn, so that lines already sent by a client that has just been answered are still read.
void PeerSession::Impl::check_drained() {
  if (drain_done_.empty() || !is_drained_ || std::exchange(is_check_posted_, true)) return;
  boost::asio::post(strand_, [self = shared_from_this()] {
    self->is_check_posted_ = false;
    const bool is_busy = std::ranges::any_of(self->clients_, [](const auto& c) { return c.second->is_busy(); });
    if (!is_busy) self->finish_drain();
  });
}

void PeerSession::Impl::finish_drain() {
  release();
  for (auto& done : std::exchange(drain_done_, {})) call(std::move(done));
}

void PeerSession::Impl::fail(std::exception_ptr failure) {
  if (has_ended_) return;
  release();
  call([this, failure] {
    if (const auto failed = std::exchange(failed_, nullptr)) failed(failure);
  });
  finish_drain();
}

void PeerSession::Impl::call(std::function<void()> callback) {
  boost::asio::post(strand_, [self = shared_from_this(), callback = std::move(callback)] {
    if (!self->is_abandoned_ && callback) callback();
  });
}

void PeerSession::Impl::release() {
  if (std::exchange(has_ended_, true)) return;
  listener_->close();
  share_.on_shortage({});
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
