// The inside of Spooler: spooler_impl.cpp may run on any thread, spooler_thread.cpp on the spool's, spooler_events.cpp
// on the strand.
#pragma once

#include <lonc/net/spooler.hpp>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace lonc::net {

// All members may be called from any thread.
struct Spooler::Subscription : std::enable_shared_from_this<Spooler::Subscription> {
  Subscription(std::string id, Strand strand, Subscriber subscriber)
      : host_id(std::move(id)), strand_(std::move(strand)), subscriber_(std::move(subscriber)) {}

  void tell_waiting(std::size_t messages);
  void tell_batch(core::DelayedBatch batch);
  template <typename Call>
  void post(Call call);
  void end();  // its session is gone
  bool is_over() const;

  const std::string host_id;

 private:
  mutable std::mutex mutex_;
  std::optional<Strand> strand_;  // none after the end: a strand must not outlive its io_context, as this may
  Subscriber subscriber_;  // used on the strand alone
};

class Spooler::Impl : public std::enable_shared_from_this<Spooler::Impl> {
 public:
  Impl(boost::asio::io_context& io, SpoolerOptions options, LogSink& log);

  // --- any thread
  void start();
  void set_hosts(std::vector<std::string> ids);
  void set_options(const core::SpoolOptions& spool, core::Duration rescan);
  std::shared_ptr<Subscription> subscribe(std::string host_id, Strand strand, Subscriber subscriber);
  void unsubscribe(const std::shared_ptr<Subscription>& subscription);
  void fetch(const std::shared_ptr<Subscription>& subscription);
  void answered(const std::shared_ptr<Subscription>& subscription, std::string record, bool is_last);
  void set_aside(const std::shared_ptr<Subscription>& subscription, std::string reason, bool is_last);
  void failed(const std::shared_ptr<Subscription>& subscription, unsigned attempts);
  void give_back(const std::shared_ptr<Subscription>& subscription, bool first_was_sent);
  SpoolReport report() const;
  void administer(const std::vector<std::string>& hosts, std::function<void(const SpoolAccess*)> work);
  void retry(const std::vector<std::string>& hosts);
  void close();
  bool wait_closed(std::chrono::milliseconds timeout);
  void end_thread();  // after what it has to do

 private:
  using Subscriptions = std::vector<std::shared_ptr<Subscription>>;

  // --- any thread
  void on_thread(std::function<void()> work);
  Subscriptions subscriptions_of(const std::vector<std::string>& hosts) const;

  // --- the spool's thread
  static constexpr std::chrono::seconds held_up_pause{5};
  static core::DelayedBatch held_up(std::size_t waiting);
  void maintain();
  bool open();
  void watch();
  void tell_unwatched();
  void appeared(const std::vector<std::string>& names);
  void run_fetches();
  void hand_out(const Subscriptions& subscriptions);
  void recorded(const std::shared_ptr<Subscription>& subscription, std::error_code error, bool is_last);
  void tell_all();
  void tell(const std::string& host_id);
  void note_oldest(const std::string& host_id);
  void count_quarantine();
  void maintain_soon();
  void publish();
  void close_on_thread();
  void log(core::Severity severity, std::string_view host_id, std::string_view message);

  // --- the strand
  void watch_parent();
  void read_events();
  void take_events();
  void arm(core::Duration time);
  void post_maintenance();
  void look_soon();

  const SpoolerOptions options_;
  LogSink& log_;
  Strand strand_;
  Timer timer_;
  boost::asio::posix::basic_stream_descriptor<Strand> events_;  // inotify
  core::TimePoint armed_until_ = core::never;
  int parent_watch_ = -1;  // inotify's number of the directory that holds the directory
  std::string name_in_parent_;
  bool is_closed_ = false;  // of the strand: no timer and no event any more

  mutable std::mutex mutex_;
  std::multimap<std::string, std::shared_ptr<Subscription>, std::less<>> subscriptions_;
  Subscriptions fetches_;  // asked for, not handed out yet: one sync serves them all
  SpoolReport report_;
  std::optional<std::chrono::steady_clock::time_point> busy_since_;  // the thread is at work on one thing
  std::atomic<core::Duration> rescan_;

  // Used on the thread alone.
  FileSpoolDisk disk_;
  std::optional<core::Spool> spool_;  // while the directory is open
  core::SpoolOptions spool_options_;
  std::vector<std::string> hosts_;
  std::set<std::string> told_;  // hosts that were told of messages
  int watched_ = -1;  // inotify's number of the directory
  std::map<std::string, std::shared_ptr<Subscription>, std::less<>> owners_;  // who was handed out something
  std::string open_trouble_;  // why the directory is not open
  bool is_lock_awaited_ = false;  // another process works in it; this has been told
  core::TimePoint scan_due_{};
  UniqueFd watcher_;  // the descriptor of `events_` once more, which the strand may close meanwhile
  bool is_over_ = false;

  std::promise<void> closed_;
  std::future<void> when_closed_ = closed_.get_future();
  std::atomic<bool> is_maintenance_posted_{false};
  std::atomic<bool> is_look_wanted_{false};  // before scan_due_
  std::unique_ptr<boost::asio::thread_pool> thread_;  // guarded by mutex_; none after end_thread()
};

}  // namespace lonc::net
