#include <lonc/net/spooler.hpp>

#include "spooler_impl.hpp"

#include <utility>

namespace lonc::net {

Spooler::Handle::Handle(std::shared_ptr<Impl> impl, std::shared_ptr<Subscription> subscription)
    : impl_(std::move(impl)), subscription_(std::move(subscription)) {}

Spooler::Handle& Spooler::Handle::operator=(Handle&& other) noexcept {
  if (this != &other) {
    release();
    impl_ = std::move(other.impl_);
    subscription_ = std::move(other.subscription_);
  }
  return *this;
}

void Spooler::Handle::release() {
  const auto subscription = std::exchange(subscription_, nullptr);
  if (subscription) impl_->unsubscribe(subscription);
  impl_.reset();
}

void Spooler::Handle::fetch() {
  if (subscription_) impl_->fetch(subscription_);
}

void Spooler::Handle::answered(std::string record, bool is_last) {
  if (subscription_) impl_->answered(subscription_, std::move(record), is_last);
}

void Spooler::Handle::set_aside(std::string reason, bool is_last) {
  if (subscription_) impl_->set_aside(subscription_, std::move(reason), is_last);
}

void Spooler::Handle::failed(unsigned attempts) {
  if (subscription_) impl_->failed(subscription_, attempts);
}

void Spooler::Handle::give_back(bool first_was_sent) {
  if (subscription_) impl_->give_back(subscription_, first_was_sent);
}

Spooler::Spooler(boost::asio::io_context& io, SpoolerOptions options, LogSink& log)
    : impl_(std::make_shared<Impl>(io, std::move(options), log)) {}

Spooler::~Spooler() { impl_->end_thread(); }

void Spooler::start() { impl_->start(); }
void Spooler::set_hosts(std::vector<std::string> ids) { impl_->set_hosts(std::move(ids)); }
void Spooler::set_options(const core::SpoolOptions& spool, core::Duration rescan) { impl_->set_options(spool, rescan); }

Spooler::Handle Spooler::subscribe(std::string host_id, Strand strand, Subscriber subscriber) {
  return {impl_, impl_->subscribe(std::move(host_id), std::move(strand), std::move(subscriber))};
}

SpoolReport Spooler::report() const { return impl_->report(); }

void Spooler::administer(const std::vector<std::string>& hosts, std::function<void(const SpoolAccess*)> work) {
  impl_->administer(hosts, std::move(work));
}

void Spooler::retry(const std::vector<std::string>& hosts) { impl_->retry(hosts); }
void Spooler::close() { impl_->close(); }
bool Spooler::wait_closed(std::chrono::milliseconds timeout) { return impl_->wait_closed(timeout); }

}  // namespace lonc::net
