// The delayed messages of all peers, between the sessions and the disk. SpoolWorker does the requested work on the
// spool's thread, and SpoolWatch wakes it for what inotify reports, so that a hanging disk makes nobody wait.
// PeerEngine decides when to send. Everything here may be used from any thread, but a Handle belongs to one session.
#pragma once

#include <lonc/core/spool/delayed_message.hpp>
#include <lonc/core/spool/spool.hpp>
#include <lonc/net/reports.hpp>
#include <lonc/net/session/log_sink.hpp>
#include <lonc/net/settings.hpp>
#include <lonc/net/socket/executor.hpp>
#include <lonc/net/spool/file_spool_disk.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace lonc::net {

struct SpoolerOptions {
  std::string directory;  // lonSockDir/delayed
  std::string permanent_log;  // lonnet.perm.log
  DelayedSettings delayed;
  std::function<void()> changed = {};  // on the spool's thread: trouble or doubtful messages have changed
};

// What administrative work on the directory may use, on the spool's thread.
struct SpoolAccess {
  core::Spool& spool;
  FileSpoolDisk& disk;
};

class SpoolSubscription;
class SpoolThread;
class SpoolWatch;

class Spooler {
 public:
  // One session's side. The callbacks run on its strand; none begins after the handle's destruction, if that is on the
  // strand as well. After that the strand is not touched, so its loop may end while the spooler continues.
  struct Subscriber {
    std::function<void(std::size_t messages)> waiting;
    std::function<void(core::DelayedBatch)> batch;
    std::function<void()> withdraw;
    std::function<void()> retry;
  };

  // A peer's registration with the spool. Its destruction gives back what the peer was handed out.
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&&) noexcept = default;
    Handle& operator=(Handle other) noexcept {
      thread_.swap(other.thread_);
      subscription_.swap(other.subscription_);
      return *this;
    }
    ~Handle();

    // See core::Effects; each of the first three is followed by one `batch`.
    void fetch();
    void answered(std::string record, bool is_last);
    void set_aside(std::string reason, bool is_last);
    void failed(unsigned attempts);
    void give_back(bool first_was_sent);

   private:
    friend class Spooler;
    Handle(std::shared_ptr<SpoolThread> thread, std::shared_ptr<SpoolSubscription> subscription)
        : thread_(std::move(thread)), subscription_(std::move(subscription)) {}
    template <typename Work, typename... Args>
    void post(Work work, Args... args);

    std::shared_ptr<SpoolThread> thread_;
    std::shared_ptr<SpoolSubscription> subscription_;  // null: belongs to no spooler
  };

  // `log` must outlive the thread, see close().
  Spooler(boost::asio::io_context& io, SpoolerOptions options, LogSink& log);
  // Waits for the pending work of its thread; see wait_closed().
  ~Spooler();
  Spooler(const Spooler&) = delete;
  Spooler& operator=(const Spooler&) = delete;

  // Opens the directory, cleans up what a crash has left, and begins. Returns at once.
  void start();
  void set_hosts(std::vector<std::string> ids);
  void set_options(const DelayedSettings& delayed);

  Handle subscribe(std::string host_id, Strand strand, Subscriber subscriber);

  SpoolReport report() const;

  // For an administrator: the sessions of these hosts (all sessions if `hosts` is empty) give back what is not in
  // flight; then `work` is called on the spool's thread, and the sessions are notified of what waits afterwards. If the
  // directory is not open, `work` is called with null.
  void administer(const std::vector<std::string>& hosts, std::function<void(const SpoolAccess*)> work);
  // The same, but no session is asked: what the sessions were handed out stays with them.
  void inspect(std::function<void(const SpoolAccess*)> work);
  // Forgets the failures of these hosts and notifies their sessions of what waits.
  void retry(const std::vector<std::string>& hosts);

  // Commits what was answered, empties the journal if nothing is open, and releases the lock; after that, nothing more
  // is done. Returns at once.
  void close();
  // Waits for close() to finish; false if the disk takes longer than `timeout`.
  bool wait_closed(std::chrono::milliseconds timeout) {
    return when_closed_.wait_for(timeout) == std::future_status::ready;
  }

 private:
  const std::shared_ptr<SpoolThread> thread_;
  const std::shared_ptr<SpoolWatch> watch_;
  std::shared_ptr<std::promise<void>> closed_ = std::make_shared<std::promise<void>>();
  std::future<void> when_closed_ = closed_->get_future();
};

}  // namespace lonc::net
