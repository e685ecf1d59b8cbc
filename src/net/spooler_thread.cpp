// The part of Spooler::Impl that runs on the spool's thread: the only one that touches core::Spool and the disk.
#include "spooler_impl.hpp"

#include <boost/asio/post.hpp>
#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace lonc::net {

namespace {

constexpr std::chrono::milliseconds lock_pause{250};  // until another process may have left the directory
constexpr std::size_t most_at_once = 64;  // sessions that are handed out their next messages with one sync
constexpr std::chrono::seconds commit_delay{1};  // what was answered lies about so long when nothing follows

core::TimePoint now() { return std::chrono::steady_clock::now(); }

}  // namespace

core::DelayedBatch Spooler::Impl::held_up(std::size_t waiting) {
  return {.messages = {}, .waiting = waiting, .retry_after = held_up_pause, .is_held_up = true};
}

void Spooler::Impl::maintain() {
  is_maintenance_posted_ = false;
  core::Duration next = rescan_;
  // Should this end with an exception, it is not the last time.
  boost::asio::post(strand_, [self = shared_from_this(), next] { self->arm(next); });
  if (!disk_.is_current() && !open()) {
    next = open_trouble_.empty() ? core::Duration(lock_pause) : core::Duration(held_up_pause);
  } else if (is_look_wanted_.exchange(false) || !spool_->trouble().empty() || now() >= scan_due_) {
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
    open_trouble_.clear();
    if (!std::exchange(is_lock_awaited_, true))
      log(core::Severity::notice, "", "Delayed messages wait until another lonc has left their directory");
    return false;
  }
  if (error) {
    const bool is_no_file = error == std::errc::too_many_symbolic_link_levels;
    const std::string text = disk_.path() + " can not be opened: " +
                             (is_no_file ? "its .lock is a link or no plain file; move it away" : error.message());
    if (std::exchange(open_trouble_, text) != text)
      log(core::Severity::warning, "", "Delayed messages are not sent: " + text + "; it is tried again");
    return false;
  }
  open_trouble_.clear();
  is_lock_awaited_ = false;
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
  const int fd = watcher_.get();
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

// After an outage all ask at once: the first are sending already while the others are served.
void Spooler::Impl::run_fetches() {
  Subscriptions asked;
  bool is_rest = false;
  {
    const std::lock_guard lock(mutex_);
    const auto end = fetches_.begin() + static_cast<std::ptrdiff_t>(std::min(fetches_.size(), most_at_once));
    asked.assign(fetches_.begin(), end);
    fetches_.erase(fetches_.begin(), end);
    is_rest = !fetches_.empty();
  }
  if (is_rest) on_thread([this] { run_fetches(); });
  std::erase_if(asked, [](const auto& subscription) { return subscription->is_over(); });
  hand_out(asked);
}

void Spooler::Impl::hand_out(const Subscriptions& subscriptions) {
  if (!spool_) {
    for (const auto& subscription : subscriptions) subscription->tell_batch(held_up(0));
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
      if (subscription->is_over()) give_back(subscription, false);
    }
    note_oldest(subscription->host_id);
    subscription->tell_batch(std::move(batches[i]));
  }
  if (!spool_->trouble().empty()) maintain_soon();
}

void Spooler::Impl::recorded(const std::shared_ptr<Subscription>& subscription, std::error_code error, bool is_last) {
  const std::string& host = subscription->host_id;
  if (error) {
    spool_->returned(host, false);
    owners_.erase(host);
    subscription->tell_batch(held_up(spool_->waiting(host)));
    return maintain_soon();
  }
  if (is_last) {
    owners_.erase(host);
    return fetch(subscription);
  }
  note_oldest(host);
  subscription->tell_batch({.messages = {}, .waiting = spool_->waiting(host)});
  if (spool_->has_uncommitted()) maintain_soon();
}

void Spooler::Impl::tell(const std::string& host_id) {
  const std::size_t messages = spool_ ? spool_->waiting(host_id) : 0;
  if (messages > 0) told_.insert(host_id);
  note_oldest(host_id);
  for (const auto& subscription : subscriptions_of({host_id})) subscription->tell_waiting(messages);
}

// Whenever the messages of a host have changed.
void Spooler::Impl::note_oldest(const std::string& host_id) {
  const auto oldest = spool_ ? spool_->oldest(host_id) : std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto known = report_.hosts.find(host_id);
  if (!oldest) {
    if (known == report_.hosts.end()) return;
    known->second.oldest_at.reset();
    if (known->second.quarantined == 0) report_.hosts.erase(known);
    return;
  }
  report_.hosts[host_id].oldest_at = SpoolReport::WallTime(std::chrono::seconds(*oldest));
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
  std::map<std::string, std::size_t> hosts;
  const auto error = disk_.list_quarantine([&](const QuarantinedMessage& message) {
    ++files;
    const std::string* const host = spool_ ? spool_->index().host_of(message.name) : nullptr;
    if (host != nullptr) ++hosts[*host];
  });
  if (error) return;
  const std::lock_guard lock(mutex_);
  report_.quarantined = files;
  for (auto& [host, report] : report_.hosts) report.quarantined = 0;
  for (const auto& [host, count] : hosts) report_.hosts[host].quarantined = count;
  std::erase_if(report_.hosts,
                [](const auto& entry) { return entry.second.quarantined == 0 && !entry.second.oldest_at; });
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
  watcher_.reset();
  is_over_ = true;
  closed_.set_value();
}

void Spooler::Impl::log(core::Severity severity, std::string_view host_id, std::string_view message) {
  const std::string_view server = host_id.empty() ? std::string_view("PARENT") : host_id;
  log_.write(severity,
             {.server = server, .status = "Delayed messages", .status_since = std::chrono::system_clock::now()},
             message);
}

}  // namespace lonc::net
