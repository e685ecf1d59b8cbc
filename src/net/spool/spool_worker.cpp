#include "net/spool/spool_worker.hpp"

#include "net/spool/spool_thread.hpp"

#include <lonc/os/files.hpp>

#include <sys/inotify.h>

#include <algorithm>
#include <exception>
#include <iterator>

namespace lonc::net {

namespace {

constexpr std::chrono::milliseconds lock_pause{250};  // by then another process may have left the directory
constexpr std::chrono::seconds held_up_pause{5};
constexpr std::ptrdiff_t most_at_once = 64;  // sessions that get their next messages with one sync
constexpr std::chrono::seconds commit_delay{1};  // how long answers stay uncommitted if nothing follows

core::TimePoint now() { return std::chrono::steady_clock::now(); }

core::DelayedBatch held_up(std::size_t waiting) {
  return {.messages = {}, .waiting = waiting, .retry_after = held_up_pause, .is_held_up = true};
}

}  // namespace

// A failure here is a bug or a lack of memory; it must not end the thread or the daemon.
void SpoolWorker::run(const std::function<void(SpoolWorker&)>& work) {
  try {
    if (!is_closed_) work(*this);
  } catch (const std::exception& error) {
    log(core::Severity::critical, "", std::string("ABNORMAL EXIT of work on delayed messages: ") + error.what());
  }
  publish();
}

void SpoolWorker::start(os::UniqueFd watcher, std::error_code error, std::function<void(core::Duration)> wake_after) {
  watcher_ = std::move(watcher);
  wake_after_ = std::move(wake_after);
  if (!watcher_) log_unwatched(error);
}

void SpoolWorker::set_hosts(std::vector<std::string> ids) {
  hosts_ = std::move(ids);
  if (!spool_) return;
  spool_->set_hosts(hosts_);
  spool_->scan();
  report_all_waiting();
}

void SpoolWorker::maintain() {
  thread_.begin_maintenance();
  core::Duration next = settings_.rescan;
  // Scheduled first, so that maintenance continues even if this call throws.
  wake_after_(next);
  if (!disk_.is_current() && !open()) {
    next = open_trouble_.text().empty() ? core::Duration(lock_pause) : core::Duration(held_up_pause);
  } else if (thread_.take_look() || !spool_->trouble().text().empty() || now() >= scan_due_) {
    scan_due_ = now() + settings_.rescan;
    if (spool_->recheck()) next = held_up_pause;
    count_quarantine();
    report_all_waiting();
  } else {
    if (spool_->has_uncommitted() && spool_->commit()) next = held_up_pause;
    next = std::min(next, std::max<core::Duration>(scan_due_ - now(), commit_delay));
  }
  wake_after_(next);
}

// Also called when the directory was created again: what the old one had handed out is gone with it.
bool SpoolWorker::open() {
  spool_.reset();
  owners_.clear();
  const std::error_code error = disk_.open();
  if (error == std::errc::resource_unavailable_try_again) {
    open_trouble_ = {};
    if (!std::exchange(is_lock_awaited_, true))
      log(core::Severity::routine, "", "Delayed messages wait until another lonc has left their directory");
    return false;
  }
  is_lock_awaited_ = false;
  if (open_trouble_.note(error, core::SpoolTrouble::Place::spool, disk_.path() + " cannot be opened")) return false;
  open_trouble_ = {};
  spool_.emplace(
      disk_, settings_.spool,
      [this](core::Severity severity, std::string_view host, std::string_view text) { log(severity, host, text); },
      core::SpoolLogProgress{[this] { return log_.lines_given(); }, [this] { return log_.lines_done(); }});
  spool_->set_hosts(hosts_);
  watch_directory();
  scan_due_ = now() + settings_.rescan;
  if (!spool_->recover()) spool_->scan();
  count_quarantine();
  report_all_waiting();
  return true;
}

void SpoolWorker::watch_directory() {
  const int fd = watcher_.get();
  if (fd < 0) return;
  if (watched_ >= 0) ::inotify_rm_watch(fd, watched_);
  watched_ = ::inotify_add_watch(fd, disk_.path().c_str(),
                                 IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
  if (watched_ < 0) log_unwatched(os::last_error());
}

void SpoolWorker::log_unwatched(std::error_code error) {
  log(core::Severity::routine, "",
      "New delayed messages are found only by scanning (delayed-rescan): inotify: " + error.message());
}

void SpoolWorker::appeared(const std::vector<std::string>& names) {
  if (!spool_) return;
  std::set<std::string> hosts;
  for (const std::string& name : names) {
    if (const std::string* const host = spool_->appeared(name)) hosts.insert(*host);
  }
  for (const std::string& host : hosts) report_waiting(host);
}

void SpoolWorker::administer(const std::function<void(const SpoolAccess*)>& work) {
  if (spool_) {
    const SpoolAccess access{*spool_, disk_};
    work(&access);
    count_quarantine();
  } else {
    work(nullptr);
  }
  report_all_waiting();
}

void SpoolWorker::close() {
  if (spool_) spool_->close();
  log_trouble();
  spool_.reset();
  disk_.close();
  watcher_.reset();
  is_closed_ = true;
}

// After an outage all sessions ask at once: the first are already sending while the others are being served. Their
// answers wait until all that have asked are served; otherwise the last would wait for the work of all before it.
void SpoolWorker::serve_fetches() {
  SpoolSubscriptions::List asking = thread_.subscriptions.take_asking();
  std::erase_if(asking, [](const auto& subscription) { return subscription->is_over(); });
  for (auto begin = asking.begin(); begin != asking.end();) {
    thread_.next_part();
    const auto end = begin + std::min<std::ptrdiff_t>(asking.end() - begin, most_at_once);
    hand_out({begin, end});
    begin = end;
  }
}

void SpoolWorker::hand_out(const SpoolSubscriptions::List& subscriptions) {
  if (!spool_) {
    for (const auto& subscription : subscriptions) subscription->deliver(held_up(0));
    return;
  }
  std::vector<std::string> hosts;
  for (const auto& subscription : subscriptions) hosts.push_back(subscription->host_id);
  std::vector<core::DelayedBatch> batches = spool_->hand_out(hosts);
  for (std::size_t i = 0; i != subscriptions.size(); ++i) {
    const auto& subscription = subscriptions[i];
    if (!batches[i].messages.empty()) {
      owners_[subscription->host_id] = subscription;
      // The session has gone in the meantime and has received nothing.
      if (subscription->is_over())
        thread_.post([subscription](SpoolWorker& worker) { worker.give_back(subscription, false); });
    }
    note_oldest(subscription->host_id);
    subscription->deliver(std::move(batches[i]));
  }
  if (!spool_->trouble().text().empty()) wake_after_(commit_delay);
}

void SpoolWorker::answered(const Subscription& subscription, const std::string& record, bool is_last) {
  if (spool_) return recorded(subscription, spool_->answered(subscription->host_id, record), is_last);
  // The directory of the message is gone, but the message was still delivered.
  if (const auto error = disk_.append_log(record))
    log(core::Severity::warning, subscription->host_id,
        "A delayed message was delivered, but its S: line cannot be written: " + error.message());
  subscription->deliver(held_up(0));
}

void SpoolWorker::set_aside(const Subscription& subscription, const std::string& reason, bool is_last) {
  if (!spool_) return subscription->deliver(held_up(0));
  recorded(subscription, spool_->set_aside(subscription->host_id, reason), is_last);
}

void SpoolWorker::recorded(const Subscription& subscription, std::error_code error, bool is_last) {
  const std::string& host = subscription->host_id;
  if (error) {
    spool_->returned(host, false);
    owners_.erase(host);
    subscription->deliver(held_up(spool_->waiting(host)));
    return wake_after_(commit_delay);
  }
  if (is_last) {
    owners_.erase(host);
    return thread_.post_fetch(subscription);
  }
  note_oldest(host);
  subscription->deliver({.messages = {}, .waiting = spool_->waiting(host)});
  if (spool_->has_uncommitted()) wake_after_(commit_delay);
}

void SpoolWorker::report_waiting(const std::string& host_id) {
  const std::size_t messages = spool_ ? spool_->waiting(host_id) : 0;
  if (messages > 0) notified_.insert(host_id);
  note_oldest(host_id);
  for (const auto& subscription : thread_.subscriptions.of({host_id})) subscription->report_waiting(messages);
}

void SpoolWorker::report_all_waiting() {
  std::set<std::string> gone = std::exchange(notified_, {});
  if (spool_) {
    for (const std::string& host : spool_->index().hosts_with_messages()) {
      report_waiting(host);
      gone.erase(host);
    }
  }
  for (const std::string& host : gone) report_waiting(host);
}

// Called whenever the messages of a host have changed.
void SpoolWorker::note_oldest(const std::string& host_id) {
  const auto oldest = spool_ ? spool_->oldest(host_id) : std::nullopt;
  thread_.update_report([&](SpoolReport& report) {
    HostSpoolReport& host = report.hosts[host_id];
    host.oldest_at.reset();
    if (oldest) host.oldest_at.emplace(std::chrono::seconds(*oldest));
    if (!oldest && host.quarantined == 0) report.hosts.erase(host_id);
  });
}

void SpoolWorker::count_quarantine() {
  std::size_t files = 0;
  std::map<std::string, std::size_t> hosts;
  const auto error = disk_.list_quarantine([&](const QuarantinedMessage& message) {
    ++files;
    const std::string* const host = spool_ ? spool_->index().host_of(message.name) : nullptr;
    if (host != nullptr) ++hosts[*host];
  });
  if (error) return;
  thread_.update_report([&](SpoolReport& report) {
    report.quarantined = files;
    for (auto& [host, of_host] : report.hosts) of_host.quarantined = 0;
    for (const auto& [host, count] : hosts) report.hosts[host].quarantined = count;
    std::erase_if(report.hosts,
                  [](const auto& entry) { return entry.second.quarantined == 0 && !entry.second.oldest_at; });
  });
}

void SpoolWorker::log_trouble() {
  auto lines = open_trouble_.take_log_lines();
  if (spool_) std::ranges::move(spool_->take_trouble_log_lines(), std::back_inserter(lines));
  for (const auto& line : lines) log(line.severity, "", line.text);
}

void SpoolWorker::publish() {
  log_trouble();
  const core::SpoolTrouble& trouble = spool_ ? spool_->trouble() : open_trouble_;
  const std::size_t duplicates = spool_ ? spool_->possible_duplicates().count() : published_duplicates_;
  const bool is_other_trouble = std::exchange(published_trouble_, trouble.text()) != trouble.text();
  const bool has_duplicates = std::exchange(published_duplicates_, duplicates) != duplicates;
  thread_.update_report([&](SpoolReport& report) {
    if (!trouble.text().empty() && report.trouble.empty()) report.trouble_since = std::chrono::system_clock::now();
    if (is_other_trouble) {
      report.trouble = trouble.text();
      report.trouble_remedy = trouble.remedy();
    }
    if (has_duplicates) report.doubtful = spool_->possible_duplicates().names();
    report.doubtful_count = duplicates;
    report.is_open = spool_.has_value();
    report.is_locked = is_lock_awaited_;
    report.waiting = spool_ ? spool_->waiting() : 0;
    if (!spool_) return;
    report.foreign = spool_->index().foreign();
    report.strange = spool_->index().strange();
    report.set_aside = spool_->set_aside_count();
  });
  if ((is_other_trouble || has_duplicates) && options_.changed) options_.changed();
}

void SpoolWorker::log(core::Severity severity, std::string_view host_id, std::string_view message) {
  const std::string_view server = host_id.empty() ? std::string_view("PARENT") : host_id;
  log_.write(severity,
             {.server = server, .status = "Delayed messages", .status_since = std::chrono::system_clock::now()},
             message);
}

}  // namespace lonc::net
