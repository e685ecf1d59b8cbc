// The spool's thread with its queue of work, which runs one item after the other, and what this thread shares with all
// others. May be used from any thread; the worker that it owns is touched on the spool's thread only.
#pragma once

#include "net/spool/spool_subscription.hpp"
#include "net/spool/spool_worker.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace lonc::net {

class SpoolThread : public std::enable_shared_from_this<SpoolThread> {
 public:
  SpoolThread(SpoolerOptions options, LogSink& log) : worker_(*this, std::move(options), log) {
    boost::asio::post(*pool_, [] { ::pthread_setname_np(::pthread_self(), "lonc-spool"); });
  }

  // The work is dropped after end(), or if the worker is closed.
  void post(std::function<void(SpoolWorker&)> work) {
    const std::lock_guard lock(mutex_);
    if (!pool_) return;
    boost::asio::post(*pool_, [self = shared_from_this(), work = std::move(work)] {
      self->next_part();
      self->worker_.run(work);
      self->busy_since_ = core::never;
    });
  }
  // Has the worker maintain the spool. It looks at the directory only if that is due or if post_look() has requested
  // it. At most one maintenance is queued, since a hanging disk must not be asked again and again.
  void post_maintenance() {
    if (!is_maintenance_posted_.exchange(true)) post([](SpoolWorker& worker) { worker.maintain(); });
  }
  // The request is recorded before the maintenance is posted, so that one already queued sees it as well.
  void post_look() {
    is_look_wanted_ = true;
    post_maintenance();
  }
  // The session of this subscription wants its next messages. Served together with all that ask until then.
  void post_fetch(const std::shared_ptr<SpoolSubscription>& subscription) {
    if (subscriptions.ask(subscription)) post([](SpoolWorker& worker) { worker.serve_fetches(); });
  }
  // Returns when everything posted is done.
  void end() {
    std::unique_ptr<boost::asio::thread_pool> pool;
    {
      const std::lock_guard lock(mutex_);
      pool = std::move(pool_);
    }
    if (pool) pool->join();
  }

  // How long the current work item has taken so far; no value if there is none.
  std::optional<core::Duration> busy_for() const {
    const core::TimePoint since = busy_since_;
    return since == core::never ? std::nullopt : std::optional(std::chrono::steady_clock::now() - since);
  }

  SpoolReport report() const {
    const std::lock_guard lock(mutex_);
    return report_;
  }
  void update_report(const std::function<void(SpoolReport&)>& how) {
    const std::lock_guard lock(mutex_);
    how(report_);
  }

  // --- for the worker
  void next_part() { busy_since_ = std::chrono::steady_clock::now(); }  // of the current work item: see busy_for()
  void begin_maintenance() { is_maintenance_posted_ = false; }
  bool take_look() { return is_look_wanted_.exchange(false); }  // whether one was requested; clears the request

  SpoolSubscriptions subscriptions;

 private:
  std::atomic<core::TimePoint> busy_since_{core::never};  // never: there is no work
  std::atomic<bool> is_maintenance_posted_{false};
  std::atomic<bool> is_look_wanted_{false};
  mutable std::mutex mutex_;  // guards the report and the pool
  SpoolReport report_;  // the worker's latest
  std::unique_ptr<boost::asio::thread_pool> pool_ = std::make_unique<boost::asio::thread_pool>(1);  // null after end()
  SpoolWorker worker_;  // used on the spool's thread only, without the mutex
};

}  // namespace lonc::net
