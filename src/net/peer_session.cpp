#include <lonc/net/peer_session.hpp>

#include "peer_session_impl.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace lonc::net {

PeerSession::PeerSession(boost::asio::io_context& io, PeerConfig config, const PeerServices& services,
                         std::uint64_t seed, FailedHandler failed)
    : impl_(std::make_shared<Impl>(io, std::move(config), services, seed, std::move(failed))) {}

PeerSession::~PeerSession() {
  impl_->abandon();
  boost::asio::post(impl_->strand(), [impl = impl_] { impl->release(); });
}

void PeerSession::start() {
  boost::asio::post(impl_->strand(), [impl = impl_] { impl->start(); });
}

void PeerSession::reconnect() {
  boost::asio::post(impl_->strand(), [impl = impl_] { impl->reconnect(); });
}

void PeerSession::pause(core::TimePoint until) {
  boost::asio::post(impl_->strand(), [impl = impl_, until] { impl->pause(until); });
}

void PeerSession::resume() {
  boost::asio::post(impl_->strand(), [impl = impl_] { impl->resume(); });
}

void PeerSession::apply(PeerConfig config) {
  boost::asio::post(impl_->strand(),
                    [impl = impl_, config = std::move(config)]() mutable { impl->apply(std::move(config)); });
}

void PeerSession::stop_listening(std::function<void()> done) {
  boost::asio::post(impl_->strand(),
                    [impl = impl_, done = std::move(done)]() mutable { impl->stop_listening(std::move(done)); });
}

void PeerSession::drain(core::TimePoint until, std::function<void()> done) {
  boost::asio::post(impl_->strand(),
                    [impl = impl_, until, done = std::move(done)]() mutable { impl->drain(until, std::move(done)); });
}

void PeerSession::leave_socket() { impl_->leave_socket(); }

void PeerSession::report(std::function<void(PeerReport)> done) {
  boost::asio::post(impl_->strand(), [impl = impl_, done = std::move(done)] {
    if (impl->is_abandoned()) return;
    SocketLook socket = impl->look_after_socket();
    PeerReport report = impl->report();
    report.socket = std::move(socket);
    done(std::move(report));
  });
}

}  // namespace lonc::net
