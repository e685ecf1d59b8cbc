#include <lonc/net/spool/spooler.hpp>

#include "net/socket/turn.hpp"
#include "net/spool/spool_subscription.hpp"
#include "net/spool/spool_thread.hpp"

#include <lonc/core/base/types.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/unique_fd.hpp>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace lonc::net {

namespace {

constexpr std::chrono::seconds hung_after{10};

}  // namespace

// Wakes the spool's thread for new files and changes of the directory, which inotify reports, and for its next
// maintenance. Touches no disk. Lives on a strand of its own; public members may be called from any thread.
class SpoolWatch : public std::enable_shared_from_this<SpoolWatch> {
 public:
  SpoolWatch(boost::asio::io_context& io, std::string directory, std::shared_ptr<SpoolThread> thread)
      : directory_(std::move(directory)),
        thread_(std::move(thread)),
        strand_(boost::asio::make_strand(io)),
        timer_(strand_),
        events_(strand_) {}

  // Has the worker start. The worker has a descriptor of its own: only the worker may choose which directory is
  // watched, since that accesses the disk.
  void start() {
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    auto watcher = std::make_shared<os::UniqueFd>(fd >= 0 ? ::fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1);
    const std::error_code error = *watcher ? std::error_code() : os::last_error();
    thread_->post([watcher, error, weak = weak_from_this()](SpoolWorker& worker) {
      worker.start(std::move(*watcher), error, [weak](core::Duration time) {
        if (const auto self = weak.lock()) self->wake_after(time);
      });
    });
    boost::asio::post(strand_, [self = shared_from_this(), fd] {
      boost::system::error_code failed;
      if (fd >= 0) self->events_.assign(fd, failed);
      if (fd >= 0 && !failed) {
        self->watch_parent();
        self->read_events();
      }
      self->thread_->post_maintenance();
    });
  }

  void close() {
    boost::asio::post(strand_, [self = shared_from_this()] {
      self->is_closed_ = true;
      self->timer_.cancel();
      boost::system::error_code ignored;
      self->events_.close(ignored);
    });
  }

 private:
  // Wakes the spool's thread after `time`, unless it is woken earlier.
  void wake_after(core::Duration time) {
    boost::asio::post(strand_, [self = shared_from_this(), time] { self->arm(time); });
  }

  // --- on the strand

  // The directory's own watch does not report its deletion as long as it is open here.
  void watch_parent() {
    const std::filesystem::path path(directory_);
    name_in_parent_ = path.filename();
    parent_watch_ = ::inotify_add_watch(events_.native_handle(), path.parent_path().c_str(),
                                        IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR);
  }

  void read_events() {
    events_.async_wait(boost::asio::posix::descriptor_base::wait_read, if_alive(weak_from_this(), [](SpoolWatch& self) {
                         if (self.is_closed_) return;
                         self.take_events();
                         self.read_events();
                       }));
  }

  void take_events() {
    alignas(inotify_event) std::array<char, 64 * 1024> buffer{};
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
    if (!names.empty()) thread_->post([names = std::move(names)](SpoolWorker& worker) { worker.appeared(names); });
    if (must_look) thread_->post_look();
  }

  void arm(core::Duration time) {
    const core::TimePoint at = std::chrono::steady_clock::now() + time;
    if (is_closed_ || at >= armed_until_) return;
    armed_until_ = at;
    timer_.expires_at(at);
    timer_.async_wait(if_alive(weak_from_this(), [](SpoolWatch& self) {
      self.armed_until_ = core::never;
      if (!self.is_closed_) self.thread_->post_maintenance();
    }));
  }

  const std::string directory_;
  const std::shared_ptr<SpoolThread> thread_;
  Strand strand_;
  Timer timer_;
  boost::asio::posix::basic_stream_descriptor<Strand> events_;  // inotify
  core::TimePoint armed_until_ = core::never;
  int parent_watch_ = -1;  // inotify's watch descriptor of the parent directory
  std::string name_in_parent_;
  bool is_closed_ = false;  // no more timers and events
};

// --- one session's side

Spooler::Handle::~Handle() {
  if (!subscription_) return;
  subscription_->end();
  thread_->subscriptions.remove(subscription_);
  // The session can no longer be asked whether the first message was in flight, so it counts as sent.
  give_back(true);
}

template <typename Work, typename... Args>
void Spooler::Handle::post(Work work, Args... args) {
  if (!subscription_) return;
  thread_->post([subscription = subscription_, work, ... args = std::move(args)](SpoolWorker& worker) {
    (worker.*work)(subscription, args...);
  });
}

void Spooler::Handle::fetch() {
  if (subscription_) thread_->post_fetch(subscription_);
}

void Spooler::Handle::answered(std::string record, bool is_last) {
  post(&SpoolWorker::answered, std::move(record), is_last);
}

void Spooler::Handle::set_aside(std::string reason, bool is_last) {
  post(&SpoolWorker::set_aside, std::move(reason), is_last);
}

void Spooler::Handle::failed(unsigned attempts) { post(&SpoolWorker::failed, attempts); }

void Spooler::Handle::give_back(bool first_was_sent) { post(&SpoolWorker::give_back, first_was_sent); }

// --- the side of all

Spooler::Spooler(boost::asio::io_context& io, SpoolerOptions options, LogSink& log)
    : thread_(std::make_shared<SpoolThread>(options, log)),
      watch_(std::make_shared<SpoolWatch>(io, std::move(options.directory), thread_)) {}

Spooler::~Spooler() { thread_->end(); }

void Spooler::start() { watch_->start(); }

void Spooler::set_hosts(std::vector<std::string> ids) {
  thread_->post([ids = std::move(ids)](SpoolWorker& worker) { worker.set_hosts(ids); });
}

void Spooler::set_options(const DelayedSettings& delayed) {
  thread_->post([delayed](SpoolWorker& worker) { worker.set_options(delayed); });
}

Spooler::Handle Spooler::subscribe(std::string host_id, Strand strand, Subscriber subscriber) {
  auto subscription = std::make_shared<SpoolSubscription>(std::move(host_id), std::move(strand), std::move(subscriber));
  thread_->subscriptions.add(subscription);
  thread_->post([subscription](SpoolWorker& worker) { worker.subscribed(*subscription); });
  return {thread_, std::move(subscription)};
}

SpoolReport Spooler::report() const {
  SpoolReport report = thread_->report();
  const auto busy_for = thread_->busy_for();
  if (busy_for && *busy_for > hung_after) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*busy_for);
    report.trouble = "the disk has not answered for " + std::to_string(seconds.count()) + " s";
    report.trouble_since = std::chrono::system_clock::now() - seconds;
    report.trouble_remedy =
        "check whether the disks that hold delayed messages and lonnet.perm.log hang; delayed messages are safe where "
        "they are, and are sent when that is fixed";
  }
  return report;
}

void Spooler::administer(const std::vector<std::string>& hosts, std::function<void(const SpoolAccess*)> work) {
  const core::Barrier when_all_have_given_back([thread = thread_, work = std::move(work)] {
    thread->post([work](SpoolWorker& worker) { worker.administer(work); });
  });
  for (const auto& subscription : thread_->subscriptions.of(hosts)) subscription->withdraw(when_all_have_given_back);
}

void Spooler::inspect(std::function<void(const SpoolAccess*)> work) {
  thread_->post([work = std::move(work)](SpoolWorker& worker) { worker.administer(work); });
}

void Spooler::retry(const std::vector<std::string>& hosts) {
  for (const auto& subscription : thread_->subscriptions.of(hosts)) subscription->retry();
  thread_->post_look();
}

void Spooler::close() {
  watch_->close();
  thread_->post([closed = closed_](SpoolWorker& worker) {
    worker.close();
    closed->set_value();
  });
}

}  // namespace lonc::net
