#include "spooler_impl.hpp"

#include <boost/asio/post.hpp>
#include <pthread.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <utility>

namespace lonc::net {

namespace {

constexpr std::chrono::milliseconds lock_pause{250};  // until another process may have left the directory
constexpr std::chrono::seconds held_up_pause{5};
constexpr std::chrono::seconds commit_delay{1};  // what was answered lies about so long when nothing follows
constexpr std::chrono::seconds hung_after{10};

core::TimePoint now() { return std::chrono::steady_clock::now(); }

core::DelayedBatch held_up(std::size_t waiting, core::Duration retry_after) {
  return {.messages = {}, .waiting = waiting, .retry_after = retry_after, .is_held_up = true};
}

}  // namespace

void Spooler::Subscription::tell_waiting(std::size_t messages) {
  if (!is_over) boost::asio::post(subscriber.strand, [call = subscriber.waiting, messages] { call(messages); });
}

void Spooler::Subscription::tell_batch(core::DelayedBatch batch) {
  if (is_over) return;
  boost::asio::post(subscriber.strand,
                    [call = subscriber.batch, batch = std::move(batch)]() mutable { call(std::move(batch)); });
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
template <typename Work>
void Spooler::Impl::on_thread(Work work) {
  const std::lock_guard lock(mutex_);
  if (!thread_) return;
  boost::asio::post(*thread_, [self = shared_from_this(), work = std::move(work)]() mutable {
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
  if (fd < 0) tell_unwatched();
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

std::shared_ptr<Spooler::Subscription> Spooler::Impl::subscribe(std::string host_id, Subscriber subscriber) {
  auto subscription = std::make_shared<Subscription>(std::move(host_id), std::move(subscriber));
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
  subscription->is_over = true;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(subscriptions_, [&](const auto& entry) { return entry.second == subscription; });
    std::erase(fetches_, subscription);
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
      return subscription->tell_batch(held_up(0, held_up_pause));
    }
    recorded(subscription, spool_->answered(subscription->host_id, record), is_last);
  });
}

void Spooler::Impl::set_aside(const std::shared_ptr<Subscription>& subscription, std::string reason, bool is_last) {
  on_thread([this, subscription, reason = std::move(reason), is_last] {
    if (!spool_) return subscription->tell_batch(held_up(0, held_up_pause));
    recorded(subscription, spool_->set_aside(subscription->host_id, reason), is_last);
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
  for (const auto& subscription : subscriptions_of(hosts)) {
    boost::asio::post(subscription->subscriber.strand, [subscription, when_all_have] {
      if (!subscription->is_over) subscription->subscriber.withdraw();
    });
  }
}

void Spooler::Impl::retry(const std::vector<std::string>& hosts) {
  for (const auto& subscription : subscriptions_of(hosts)) {
    boost::asio::post(subscription->subscriber.strand, [subscription] {
      if (!subscription->is_over) subscription->subscriber.retry();
    });
  }
  on_thread([this] { scan_due_ = {}; });
  boost::asio::post(strand_, [self = shared_from_this()] { self->post_maintenance(); });
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

// --- the spool's thread

void Spooler::Impl::maintain() {
  is_maintenance_posted_ = false;
  core::Duration next = rescan_;
  if (!disk_.is_current() && !open()) {
    next = open_trouble_.empty() ? core::Duration(lock_pause) : core::Duration(held_up_pause);
  } else if (!spool_->trouble().empty() || now() >= scan_due_) {
    scan_due_ = now() + rescan_.load();
    if (spool_->recheck()) next = held_up_pause;
    count_quarantine();
    tell_all();
  } else {
    if (spool_->has_uncommitted() && spool_->commit()) next = held_up_pause;
    next = std::min(next, std::max<core::Duration>(scan_due_ - now(), commit_delay));
  }
  boost::asio::post(strand_, [self = shared_from_this(), next] { self->arm(next); });
}

// Also when the directory was made anew: what the old one had handed out is gone with it.
bool Spooler::Impl::open() {
  spool_.reset();
  owners_.clear();
  const std::error_code error = disk_.open();
  if (error == std::errc::resource_unavailable_try_again) {
    if (std::exchange(open_trouble_, {}).empty() && report_.is_open)
      log(core::Severity::notice, "", "Delayed messages wait until another lonc has left their directory");
    return false;
  }
  if (error) {
    const std::string text = disk_.path() + " can not be opened: " + error.message();
    if (std::exchange(open_trouble_, text) != text)
      log(core::Severity::warning, "", "Delayed messages are not sent: " + text + "; it is tried again");
    return false;
  }
  open_trouble_.clear();
  spool_.emplace(disk_, spool_options_, [this](core::Severity severity, std::string_view host, std::string_view text) {
    log(severity, host, text);
  });
  spool_->set_hosts(hosts_);
  watch();
  scan_due_ = now() + rescan_.load();
  if (!spool_->recover()) spool_->scan();
  count_quarantine();
  tell_all();
  return true;
}

void Spooler::Impl::watch() {
  const int fd = events_.native_handle();
  if (fd < 0) return;
  if (watched_ >= 0) ::inotify_rm_watch(fd, watched_);
  watched_ = ::inotify_add_watch(fd, disk_.path().c_str(),
                                 IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
  if (watched_ < 0) tell_unwatched();
}

void Spooler::Impl::tell_unwatched() {
  log(core::Severity::notice, "",
      "New delayed messages are found by looking (delayed-rescan) only: inotify: " +
          std::error_code(errno, std::system_category()).message());
}

void Spooler::Impl::appeared(const std::vector<std::string>& names) {
  if (!spool_) return;
  std::set<std::string> hosts;
  for (const std::string& name : names) {
    if (const std::string* const host = spool_->appeared(name)) hosts.insert(*host);
  }
  for (const std::string& host : hosts) tell(host);
}

void Spooler::Impl::run_fetches() {
  Subscriptions asked;
  {
    const std::lock_guard lock(mutex_);
    asked.swap(fetches_);
  }
  hand_out(asked);
}

void Spooler::Impl::hand_out(const Subscriptions& subscriptions) {
  if (!spool_) {
    for (const auto& subscription : subscriptions) subscription->tell_batch(held_up(0, held_up_pause));
    return;
  }
  std::vector<std::string> hosts;
  for (const auto& subscription : subscriptions) hosts.push_back(subscription->host_id);
  std::vector<core::DelayedBatch> batches = spool_->hand_out(hosts);
  for (std::size_t i = 0; i != subscriptions.size(); ++i) {
    const auto& subscription = subscriptions[i];
    if (!batches[i].messages.empty()) {
      owners_[subscription->host_id] = subscription;
      // It has gone meanwhile, and was told nothing.
      if (subscription->is_over) give_back(subscription, false);
    }
    subscription->tell_batch(std::move(batches[i]));
  }
  if (!spool_->trouble().empty()) maintain_soon();
}

void Spooler::Impl::recorded(const std::shared_ptr<Subscription>& subscription, std::error_code error, bool is_last) {
  const std::string& host = subscription->host_id;
  if (error) {
    spool_->returned(host, false);
    owners_.erase(host);
    subscription->tell_batch(held_up(spool_->waiting(host), held_up_pause));
    return maintain_soon();
  }
  if (is_last) {
    owners_.erase(host);
    return hand_out({subscription});
  }
  subscription->tell_batch({.messages = {}, .waiting = spool_->waiting(host)});
  if (spool_->has_uncommitted()) maintain_soon();
}

void Spooler::Impl::tell(const std::string& host_id) {
  const std::size_t messages = spool_ ? spool_->waiting(host_id) : 0;
  if (messages > 0) told_.insert(host_id);
  for (const auto& subscription : subscriptions_of({host_id})) subscription->tell_waiting(messages);
}

void Spooler::Impl::tell_all() {
  std::set<std::string> gone = std::exchange(told_, {});
  if (spool_) {
    for (const std::string& host : spool_->index().hosts_with_messages()) {
      tell(host);
      gone.erase(host);
    }
  }
  for (const std::string& host : gone) tell(host);
}

void Spooler::Impl::count_quarantine() {
  std::size_t files = 0;
  if (disk_.list_quarantine([&files](const QuarantinedMessage&) { ++files; })) return;
  const std::lock_guard lock(mutex_);
  report_.quarantined = files;
}

void Spooler::Impl::maintain_soon() {
  boost::asio::post(strand_, [self = shared_from_this()] { self->arm(commit_delay); });
}

void Spooler::Impl::publish() {
  const std::string& trouble = spool_ ? spool_->trouble() : open_trouble_;
  const std::size_t doubtful = spool_ ? spool_->doubtful_count() : report_.doubtful_count;
  const bool is_news = trouble != report_.trouble || doubtful != report_.doubtful_count;
  {
    const std::lock_guard lock(mutex_);
    busy_since_.reset();
    if (!trouble.empty() && report_.trouble.empty()) report_.trouble_since = std::chrono::system_clock::now();
    if (is_news) report_.trouble = trouble;
    if (doubtful != report_.doubtful_count) report_.doubtful = spool_->doubtful();
    report_.doubtful_count = doubtful;
    report_.is_open = spool_.has_value();
    report_.waiting = spool_ ? spool_->waiting() : 0;
    if (spool_) {
      report_.foreign = spool_->index().foreign();
      report_.strange = spool_->index().strange();
      report_.set_aside = spool_->set_aside_count();
    }
  }
  if (is_news && options_.changed) options_.changed();
}

void Spooler::Impl::close_on_thread() {
  if (spool_) spool_->close();
  spool_.reset();
  disk_.close();
  is_over_ = true;
  closed_.set_value();
}

void Spooler::Impl::log(core::Severity severity, std::string_view host_id, std::string_view message) {
  const std::string_view server = host_id.empty() ? std::string_view("PARENT") : host_id;
  log_.write(severity,
             {.server = server, .status = "Delayed messages", .status_since = std::chrono::system_clock::now()},
             message);
}

// --- the strand

// That the directory was deleted is not told by its own watch as long as it is open here.
void Spooler::Impl::watch_parent() {
  const std::filesystem::path path(disk_.path());
  name_in_parent_ = path.filename();
  parent_watch_ = ::inotify_add_watch(events_.native_handle(), path.parent_path().c_str(),
                                      IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR);
}

void Spooler::Impl::read_events() {
  events_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [weak = weak_from_this()](const boost::system::error_code& error) {
                       const auto self = weak.lock();
                       if (error || !self || self->is_closed_) return;
                       self->take_events();
                       self->read_events();
                     });
}

void Spooler::Impl::take_events() {
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  const ssize_t size = ::read(events_.native_handle(), buffer.data(), buffer.size());
  std::vector<std::string> names;
  bool must_look = false;
  for (std::size_t at = 0; size > 0 && at < static_cast<std::size_t>(size);) {
    const auto* const event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
    at += sizeof(inotify_event) + event->len;
    if ((event->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) must_look = true;
    if (event->wd == parent_watch_) {
      must_look |= event->len > 0 && event->name == name_in_parent_;
    } else if (event->len > 0) {
      names.emplace_back(event->name);
    }
  }
  if (!names.empty()) on_thread([this, names = std::move(names)] { appeared(names); });
  if (!must_look) return;
  on_thread([this] { scan_due_ = {}; });
  post_maintenance();
}

void Spooler::Impl::arm(core::Duration time) {
  const core::TimePoint at = now() + time;
  if (is_closed_ || at >= armed_until_) return;
  armed_until_ = at;
  timer_.expires_at(at);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->armed_until_ = core::never;
    self->post_maintenance();
  });
}

// A disk that hangs is not asked again and again.
void Spooler::Impl::post_maintenance() {
  if (is_closed_ || is_maintenance_posted_.exchange(true)) return;
  on_thread([this] { maintain(); });
}

}  // namespace lonc::net
