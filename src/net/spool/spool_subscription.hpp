// The sessions' registrations with the spool.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/net/spool/spooler.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lonc::net {

// One session's registration. May be used from any thread; the session's callbacks are called on its strand.
class SpoolSubscription : public std::enable_shared_from_this<SpoolSubscription> {
 public:
  SpoolSubscription(std::string host, Strand strand, Spooler::Subscriber subscriber)
      : host_id(std::move(host)), strand_(std::move(strand)), subscriber_(std::move(subscriber)) {}

  void report_waiting(std::size_t messages) {
    post([messages](Spooler::Subscriber& session) { session.waiting(messages); });
  }
  void deliver(core::DelayedBatch batch) {
    post([batch = std::move(batch)](Spooler::Subscriber& session) mutable { session.batch(std::move(batch)); });
  }
  // `done` is held until the session has given back its messages, or is gone.
  void withdraw(const core::Barrier& done) {
    post([done](Spooler::Subscriber& session) { session.withdraw(); });
  }
  void retry() {
    post([](Spooler::Subscriber& session) { session.retry(); });
  }

  // Called when its session is gone: no callback begins any more, and the strand is no longer touched.
  void end() {
    const std::lock_guard lock(mutex_);
    strand_.reset();
  }
  bool is_over() const {
    const std::lock_guard lock(mutex_);
    return !strand_;
  }

  const std::string host_id;

 private:
  template <typename Call>
  void post(Call call) {
    const std::lock_guard lock(mutex_);
    if (!strand_) return;
    boost::asio::post(*strand_, [self = shared_from_this(), call = std::move(call)]() mutable {
      if (!self->is_over()) call(self->subscriber_);
    });
  }

  mutable std::mutex mutex_;
  std::optional<Strand> strand_;  // none after end(): a strand must not outlive its io_context, but this may
  Spooler::Subscriber subscriber_;  // used on the strand only
};

// All subscriptions, and which of them wait for their next messages. May be used from any thread.
class SpoolSubscriptions {
 public:
  using List = std::vector<std::shared_ptr<SpoolSubscription>>;

  void add(const std::shared_ptr<SpoolSubscription>& subscription) {
    const std::lock_guard lock(mutex_);
    by_host_.emplace(subscription->host_id, subscription);
  }
  void remove(const std::shared_ptr<SpoolSubscription>& subscription) {
    const std::lock_guard lock(mutex_);
    const auto [begin, end] = by_host_.equal_range(subscription->host_id);
    const auto at = std::find_if(begin, end, [&](const auto& entry) { return entry.second == subscription; });
    if (at != end) by_host_.erase(at);
  }
  // The subscriptions of these hosts; all, if `hosts` is empty.
  List of(const std::vector<std::string>& hosts) const {
    List found;
    const std::lock_guard lock(mutex_);
    if (hosts.empty()) {
      for (const auto& [host, subscription] : by_host_) found.push_back(subscription);
    }
    for (const std::string& host : hosts) {
      const auto [begin, end] = by_host_.equal_range(host);
      for (auto at = begin; at != end; ++at) found.push_back(at->second);
    }
    return found;
  }

  // The subscription wants its next messages: one sync serves all that do. True if it is the first: the caller must
  // then have them served.
  bool ask(const std::shared_ptr<SpoolSubscription>& subscription) {
    const std::lock_guard lock(mutex_);
    asking_.push_back(subscription);
    return asking_.size() == 1;
  }
  List take_asking() {
    const std::lock_guard lock(mutex_);
    return std::exchange(asking_, {});
  }

 private:
  mutable std::mutex mutex_;
  std::multimap<std::string, std::shared_ptr<SpoolSubscription>, std::less<>> by_host_;
  List asking_;
};

}  // namespace lonc::net
