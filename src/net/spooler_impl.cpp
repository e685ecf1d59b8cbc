#include "spooler_impl.hpp"

#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <pthread.h>
#include <sys/inotify.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace lonc::net {

namespace {

constexpr std::chrono::seconds hung_after{10};

core::TimePoint now() { return std::chrono::steady_clock::now(); }

}  // namespace

template <typename Call>
void Spooler::Subscription::post(Call call) {
  const std::lock_guard lock(mutex_);
  if (!strand_) return;
  boost::asio::post(*strand_, [self = shared_from_this(), call = std::move(call)]() mutable {
    if (!self->is_over()) call(self->subscriber_);
  });
}

void Spooler::Subscription::end() {
  const std::lock_guard lock(mutex_);
  strand_.reset();
}

bool Spooler::Subscription::is_over() const {
  const std::lock_guard lock(mutex_);
  return !strand_;
}

void Spooler::Subscription::tell_waiting(std::size_t messages) {
  post([messages](Subscriber& side) { side.waiting(messages); });
}

void Spooler::Subscription::tell_batch(core::DelayedBatch batch) {
  post([batch = std::move(batch)](Subscriber& side) mutable { side.batch(std::move(batch)); });
}

Spooler::Impl::Impl(boost::asio::io_context& io, SpoolerOptions options, LogSink& log)
    : options_(std::move(options)),
      log_(log),
      strand_(boost::asio::make_strand(io)),
      timer_(strand_),
      events_(strand_),
      rescan_(options_.rescan),
      disk_(options_.directory, options_.permanent_log),
      spool_options_(options_.spool),
      thread_(std::make_unique<boost::asio::thread_pool>(1)) {
  boost::asio::post(*thread_, [] { ::pthread_setname_np(::pthread_self(), "lonc-spool"); });
}

// --- any thread

// What fails here is a bug or a lack of memory: it must end neither the thread nor the daemon.
void Spooler::Impl::on_thread(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (!thread_) return;
  boost::asio::post(*thread_, [self = shared_from_this(), work = std::move(work)] {
    {
      const std::lock_guard busy_lock(self->mutex_);
      self->busy_since_ = now();
    }
    try {
      if (!self->is_over_) work();
    } catch (const std::exception& error) {
      self->log(core::Severity::critical, "",
                std::string("ABNORMAL EXIT of work on delayed messages: ") + error.what());
    }
    self->publish();
  });
}

void Spooler::Impl::start() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd >= 0) watcher_.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!watcher_) tell_unwatched();
  boost::asio::post(strand_, [self = shared_from_this(), fd] {
    boost::system::error_code error;
    if (fd >= 0) self->events_.assign(fd, error);
    if (fd >= 0 && !error) {
      self->watch_parent();
      self->read_events();
    }
    self->post_maintenance();
  });
}

void Spooler::Impl::set_hosts(std::vector<std::string> ids) {
  on_thread([this, ids = std::move(ids)]() mutable {
    hosts_ = std::move(ids);
    if (!spool_) return;
    spool_->set_hosts(hosts_);
    spool_->scan();
    tell_all();
  });
}

void Spooler::Impl::set_options(const core::SpoolOptions& spool, core::Duration rescan) {
  rescan_ = rescan;
  on_thread([this, spool] {
    spool_options_ = spool;
    if (spool_) spool_->set_options(spool);
  });
}

std::shared_ptr<Spooler::Subscription> Spooler::Impl::subscribe(std::string host_id, Strand strand,
                                                                Subscriber subscriber) {
  auto subscription = std::make_shared<Subscription>(std::move(host_id), std::move(strand), std::move(subscriber));
  {
    const std::lock_guard lock(mutex_);
    subscriptions_.emplace(subscription->host_id, subscription);
  }
  on_thread([this, subscription] {
    if (spool_ && spool_->waiting(subscription->host_id) > 0) tell(subscription->host_id);
  });
  return subscription;
}

void Spooler::Impl::unsubscribe(const std::shared_ptr<Subscription>& subscription) {
  subscription->end();
  {
    const std::lock_guard lock(mutex_);
    const auto [begin, end] = subscriptions_.equal_range(subscription->host_id);
    const auto at = std::find_if(begin, end, [&](const auto& entry) { return entry.second == subscription; });
    if (at != end) subscriptions_.erase(at);
  }
  // It can not be asked any more whether the first was on its way.
  give_back(subscription, true);
}

Spooler::Impl::Subscriptions Spooler::Impl::subscriptions_of(const std::vector<std::string>& hosts) const {
  Subscriptions found;
  const std::lock_guard lock(mutex_);
  if (hosts.empty()) {
    for (const auto& [host, subscription] : subscriptions_) found.push_back(subscription);
  }
  for (const std::string& host : hosts) {
    const auto [begin, end] = subscriptions_.equal_range(host);
    for (auto at = begin; at != end; ++at) found.push_back(at->second);
  }
  return found;
}

void Spooler::Impl::fetch(const std::shared_ptr<Subscription>& subscription) {
  {
    const std::lock_guard lock(mutex_);
    fetches_.push_back(subscription);
    if (fetches_.size() > 1) return;  // somebody has asked already, and is not served yet
  }
  on_thread([this] { run_fetches(); });
}

void Spooler::Impl::answered(const std::shared_ptr<Subscription>& subscription, std::string record, bool is_last) {
  on_thread([this, subscription, record = std::move(record), is_last] {
    if (!spool_) {
      // Its directory is gone; that it was delivered is still true.
      if (const auto error = disk_.append_log(record))
        log(core::Severity::warning, subscription->host_id,
            "A delayed message was delivered, but its S: line can not be written: " + error.message());
      return subscription->tell_batch(held_up(0));
    }
    recorded(subscription, spool_->answered(subscription->host_id, record), is_last);
  });
}

void Spooler::Impl::set_aside(const std::shared_ptr<Subscription>& subscription, std::string reason, bool is_last) {
  on_thread([this, subscription, reason = std::move(reason), is_last] {
    if (!spool_) return subscription->tell_batch(held_up(0));
    recorded(subscription, spool_->set_aside(subscription->host_id, reason), is_last);
  });
}

void Spooler::Impl::failed(const std::shared_ptr<Subscription>& subscription, unsigned attempts) {
  on_thread([this, subscription, attempts] {
    const auto owner = owners_.find(subscription->host_id);
    if (spool_ && owner != owners_.end() && owner->second == subscription)
      spool_->failed(subscription->host_id, attempts);
  });
}

void Spooler::Impl::give_back(const std::shared_ptr<Subscription>& subscription, bool first_was_sent) {
  on_thread([this, subscription, first_was_sent] {
    const auto owner = owners_.find(subscription->host_id);
    if (!spool_ || owner == owners_.end() || owner->second != subscription) return;
    spool_->returned(subscription->host_id, first_was_sent);
    owners_.erase(owner);
  });
}

SpoolReport Spooler::Impl::report() const {
  const std::lock_guard lock(mutex_);
  SpoolReport report = report_;
  if (busy_since_ && now() - *busy_since_ > hung_after) {
    const auto for_time = std::chrono::duration_cast<std::chrono::seconds>(now() - *busy_since_);
    report.trouble = "the disk has not answered for " + std::to_string(for_time.count()) + " s";
    report.trouble_since = std::chrono::system_clock::now() - for_time;
  }
  return report;
}

void Spooler::Impl::administer(const std::vector<std::string>& hosts, std::function<void(const SpoolAccess*)> work) {
  // Called when the last session has given back, or is gone.
  auto when_all_have = std::shared_ptr<void>(nullptr, [self = shared_from_this(), work = std::move(work)](void*) {
    self->on_thread([impl = self.get(), work] {
      if (impl->spool_) {
        const SpoolAccess access{*impl->spool_, impl->disk_};
        work(&access);
        impl->count_quarantine();
      } else {
        work(nullptr);
      }
      impl->tell_all();
    });
  });
  for (const auto& subscription : subscriptions_of(hosts))
    subscription->post([when_all_have](Subscriber& side) { side.withdraw(); });
}

void Spooler::Impl::retry(const std::vector<std::string>& hosts) {
  for (const auto& subscription : subscriptions_of(hosts)) subscription->post([](Subscriber& side) { side.retry(); });
  boost::asio::post(strand_, [self = shared_from_this()] { self->look_soon(); });
}

void Spooler::Impl::close() {
  boost::asio::post(strand_, [self = shared_from_this()] {
    self->is_closed_ = true;
    self->timer_.cancel();
    boost::system::error_code ignored;
    self->events_.close(ignored);
  });
  on_thread([this] { close_on_thread(); });
}

bool Spooler::Impl::wait_closed(std::chrono::milliseconds timeout) {
  return when_closed_.wait_for(timeout) == std::future_status::ready;
}

void Spooler::Impl::end_thread() {
  std::unique_ptr<boost::asio::thread_pool> thread;
  {
    const std::lock_guard lock(mutex_);
    thread = std::move(thread_);
  }
  if (thread) thread->join();
}

}  // namespace lonc::net
