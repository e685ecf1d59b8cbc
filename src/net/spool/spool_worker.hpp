// Runs core::Spool on its directory, between the sessions and the disk. Lives on the spool's thread, where it may wait
// for the disk for as long as that takes.
#pragma once

#include "net/spool/spool_subscription.hpp"

#include <lonc/core/spool/spool.hpp>
#include <lonc/core/spool/spool_reports.hpp>
#include <lonc/net/session/log_sink.hpp>
#include <lonc/net/settings.hpp>
#include <lonc/net/spool/file_spool_disk.hpp>
#include <lonc/net/spool/spooler.hpp>
#include <lonc/os/unique_fd.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::net {

class SpoolThread;

class SpoolWorker {
 public:
  using Subscription = std::shared_ptr<SpoolSubscription>;

  // `thread` owns this worker.
  SpoolWorker(SpoolThread& thread, SpoolerOptions options, LogSink& log)
      : thread_(thread),
        options_(std::move(options)),
        log_(log),
        disk_(options_.directory, options_.permanent_log),
        settings_(options_.delayed) {}

  // Runs a work item unless the worker is closed, logs a failure of the work, and publishes news.
  void run(const std::function<void(SpoolWorker&)>& work);

  // `watcher` is an inotify descriptor; if there is none, `error` says why. `wake_after` schedules the next maintain().
  void start(os::UniqueFd watcher, std::error_code error, std::function<void(core::Duration)> wake_after);
  void set_hosts(std::vector<std::string> ids);
  void set_options(const DelayedSettings& delayed) {
    settings_ = delayed;
    if (spool_) spool_->set_options(delayed.spool);
  }
  // Opens the directory, reads it again, or commits: whatever is due.
  void maintain();
  // Reports that these names have been seen in the directory.
  void appeared(const std::vector<std::string>& names);
  // Calls `work` with the spool, or with null if it is not open.
  void administer(const std::function<void(const SpoolAccess*)>& work);
  void close();

  // --- requests from the sessions
  void subscribed(const SpoolSubscription& subscription) {
    if (spool_ && spool_->waiting(subscription.host_id) > 0) report_waiting(subscription.host_id);
  }
  void serve_fetches();
  void answered(const Subscription& subscription, const std::string& record, bool is_last);
  void set_aside(const Subscription& subscription, const std::string& reason, bool is_last);
  void failed(const Subscription& subscription, unsigned attempts) {
    if (is_owner(subscription)) spool_->failed(subscription->host_id, attempts);
  }
  void give_back(const Subscription& subscription, bool first_was_sent) {
    if (!is_owner(subscription)) return;
    spool_->returned(subscription->host_id, first_was_sent);
    owners_.erase(subscription->host_id);
  }

 private:
  bool open();
  void watch_directory();
  void log_unwatched(std::error_code error);
  bool is_owner(const Subscription& subscription) const {
    const auto owner = owners_.find(subscription->host_id);
    return spool_ && owner != owners_.end() && owner->second == subscription;
  }
  void hand_out(const SpoolSubscriptions::List& subscriptions);
  void recorded(const Subscription& subscription, std::error_code error, bool is_last);
  void report_waiting(const std::string& host_id);
  void report_all_waiting();
  void note_oldest(const std::string& host_id);
  void count_quarantine();
  void log_trouble();
  void publish();
  void log(core::Severity severity, std::string_view host_id, std::string_view message);

  SpoolThread& thread_;
  const SpoolerOptions options_;
  LogSink& log_;
  std::function<void(core::Duration)> wake_after_ = [](core::Duration) {};
  FileSpoolDisk disk_;
  std::optional<core::Spool> spool_;  // while the directory is open
  DelayedSettings settings_;
  std::vector<std::string> hosts_;
  std::set<std::string> notified_;  // hosts that have been notified of messages
  std::map<std::string, Subscription, std::less<>> owners_;  // who holds messages handed out
  core::SpoolTrouble open_trouble_;  // why the directory is not open
  bool is_lock_awaited_ = false;  // another process works in it; this has been logged
  core::TimePoint scan_due_{};
  os::UniqueFd watcher_;
  int watched_ = -1;  // inotify's watch descriptor of the directory
  std::string published_trouble_;
  std::size_t published_duplicates_ = 0;
  bool is_closed_ = false;
};

}  // namespace lonc::net
