// Where a peer is found: its numeric address, or its name, looked up again for each attempt and on request, with the
// last good addresses as a fallback. Used on the session's strand only.
#pragma once

#include "net/socket/turn.hpp"

#include <lonc/core/base/types.hpp>
#include <lonc/net/peer/resolver.hpp>
#include <lonc/net/socket/executor.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lonc::net {

class PeerAddress : public std::enable_shared_from_this<PeerAddress> {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // A non-empty `address` must be numeric, and the name is then never looked up. Throws std::system_error if it is not
  // numeric.
  PeerAddress(Resolver& resolver, Strand strand, std::string name, const std::string& address, std::uint16_t port)
      : resolver_(resolver),
        strand_(std::move(strand)),
        name_(std::move(name)),
        port_(port),
        is_numeric_(!address.empty()) {
    if (is_numeric_) last_good_.push_back(boost::asio::ip::make_address(address));
  }

  bool is_name() const { return !is_numeric_; }
  // Starts a lookup if this is a name that is not being looked up already, or only with a lower priority.
  void look_up(Resolver::Priority priority) {
    if (is_numeric_ || asking_ == Resolver::Priority::high || asking_ == priority) return;
    asking_ = priority;
    const auto answered = [weak = weak_from_this()](Resolver::Answer answer) {
      if (const auto self = weak.lock()) self->answered(std::move(answer));
    };
    request_ = resolver_.lookup(name_, strand_, answered, priority);
  }
  // `handler` is called, in its own turn, each time a lookup has returned addresses.
  void on_addresses(std::function<void()> handler) { on_addresses_ = std::move(handler); }
  // True if the latest lookup that returned addresses returned this one, too.
  bool has(const boost::asio::ip::address& address) const {
    return std::ranges::find(last_good_, address) != last_good_.end();
  }

  // The outcome of an attempt: the address that worked last is tried first.
  void worked(const boost::asio::ip::address& address) { preferred_ = address; }
  void failed(const boost::asio::ip::address& address) {
    if (preferred_ == address) preferred_.reset();
  }

  // One attempt's wait for the addresses. `wake` is notified when it is done and must outlive the query.
  class Query {
   public:
    Query(std::shared_ptr<PeerAddress> owner, Resolver::Priority priority, core::Duration timeout, AsyncEvent& wake)
        : owner_(std::move(owner)), wake_(wake), done_(owner_->is_numeric_), first_(owner_->next_first_++) {
      if (done_) return;
      owner_->waiting_.push_back(this);
      timeout_ = std::make_shared<Timer>(owner_->strand_, timeout);
      // The handler may run after the query has ended; the timer's lifetime shows that.
      timeout_->async_wait(if_alive(std::weak_ptr(timeout_), [this](Timer&) { finish(); }));
      owner_->look_up(priority);
    }
    ~Query() { std::erase(owner_->waiting_, this); }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    bool is_done() const { return done_; }
    // Once done: the endpoints in the order in which to try them, which rotates from query to query if none is known to
    // work. Empty if the name is unknown and always was.
    std::vector<Endpoint> endpoints() const {
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

   private:
    friend class PeerAddress;
    void finish() {
      if (std::exchange(done_, true)) return;
      std::erase(owner_->waiting_, this);
      wake_.notify();
    }

    std::shared_ptr<PeerAddress> owner_;
    AsyncEvent& wake_;
    std::shared_ptr<Timer> timeout_;
    bool done_ = false;
    std::size_t first_;
  };

 private:
  // An answer that arrives after the timeout of its attempt still serves the next one.
  void answered(Resolver::Answer answer) {
    asking_.reset();
    if (!answer.error) last_good_ = std::move(answer.addresses);
    for (Query* const query : std::exchange(waiting_, {})) query->finish();
    if (!answer.error && on_addresses_) on_addresses_();
  }

  Resolver& resolver_;
  Strand strand_;
  std::string name_;
  std::uint16_t port_;
  bool is_numeric_;
  std::vector<boost::asio::ip::address> last_good_;
  std::optional<boost::asio::ip::address> preferred_;
  std::function<void()> on_addresses_;
  Resolver::Request request_;  // at most one runs, however many attempts wait for it
  std::optional<Resolver::Priority> asking_;  // none while no lookup runs
  std::vector<Query*> waiting_;
  std::size_t next_first_ = 0;
};

}  // namespace lonc::net
