#include <lonc/net/peer_address.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace lonc::net {

PeerAddress::PeerAddress(Resolver& resolver, Strand strand, std::string name, const std::string& address,
                         std::uint16_t port)
    : resolver_(resolver),
      strand_(std::move(strand)),
      name_(std::move(name)),
      port_(port),
      is_numeric_(!address.empty()) {
  if (is_numeric_) last_good_.push_back(boost::asio::ip::make_address(address));
}

void PeerAddress::look_up() {
  if (is_numeric_ || is_asking_) return;
  is_asking_ = true;
  request_ = resolver_.lookup(name_, strand_, [weak = weak_from_this()](Resolver::Answer answer) {
    if (const auto self = weak.lock()) self->answered(std::move(answer));
  });
}

// An answer that comes after the timeout of its attempt still serves the next one.
void PeerAddress::answered(Resolver::Answer answer) {
  is_asking_ = false;
  if (!answer.error) last_good_ = std::move(answer.addresses);
  for (Query* const query : std::exchange(waiting_, {})) query->finish();
  if (!answer.error && on_addresses_) on_addresses_();
}

bool PeerAddress::has(const boost::asio::ip::address& address) const {
  return std::ranges::find(last_good_, address) != last_good_.end();
}

void PeerAddress::failed(const boost::asio::ip::address& address) {
  if (preferred_ == address) preferred_.reset();
}

PeerAddress::Query::Query(std::shared_ptr<PeerAddress> owner, core::Duration timeout, AsyncEvent& wake)
    : owner_(std::move(owner)), wake_(wake), done_(owner_->is_numeric_), first_(owner_->next_first_++) {
  if (done_) return;
  owner_->waiting_.push_back(this);
  timeout_ = std::make_shared<Timer>(owner_->strand_, timeout);
  // The handler may run when the query has ended already; its timer tells.
  timeout_->async_wait([this, alive = std::weak_ptr<Timer>(timeout_)](const boost::system::error_code& error) {
    if (!error && !alive.expired()) finish();
  });
  owner_->look_up();
}

PeerAddress::Query::~Query() { std::erase(owner_->waiting_, this); }

void PeerAddress::Query::finish() {
  if (std::exchange(done_, true)) return;
  std::erase(owner_->waiting_, this);
  wake_.notify();
}

std::vector<PeerAddress::Endpoint> PeerAddress::Query::endpoints() const {
  std::vector<Endpoint> endpoints;
  for (const auto& address : owner_->last_good_) endpoints.emplace_back(address, owner_->port_);
  const auto preferred = std::ranges::find_if(
      endpoints, [this](const Endpoint& endpoint) { return endpoint.address() == owner_->preferred_; });
  if (preferred != endpoints.end()) {
    std::rotate(endpoints.begin(), preferred, std::next(preferred));
  } else if (!endpoints.empty()) {
    const auto first = static_cast<std::ptrdiff_t>(first_ % endpoints.size());
    std::rotate(endpoints.begin(), endpoints.begin() + first, endpoints.end());
  }
  return endpoints;
}

}  // namespace lonc::net
