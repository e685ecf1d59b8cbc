// The delayed messages of all peers: core::Spool at work on its own thread, told by inotify what is new, between the
// sessions and the disk. A disk that hangs makes nobody wait here. When to send is decided by PeerEngine.
#pragma once

#include <lonc/core/delayed_message.hpp>
#include <lonc/core/spool.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/file_spool_disk.hpp>
#include <lonc/net/log_sink.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::net {

struct SpoolerOptions {
  std::string directory;      // lonSockDir/delayed
  std::string permanent_log;  // lonnet.perm.log
  core::SpoolOptions spool;
  core::Duration rescan = std::chrono::minutes{1};  // for what inotify has missed
  std::function<void()> changed = {};  // on the spool's thread: trouble or doubt is another than before
};

// A copy of what is known, for status and metrics. Counts since the start, unless they say otherwise.
struct HostSpoolReport {
  std::optional<std::chrono::system_clock::time_point> oldest_at;  // when the oldest message that waits was left
  std::size_t quarantined = 0;                                     // as of the last look
};

struct SpoolReport {
  using WallTime = std::chrono::system_clock::time_point;

  bool is_open = false;          // false: not yet, or another process works in the directory
  std::size_t waiting = 0;       // on the disk now, for all peers
  std::size_t quarantined = 0;   // in the quarantine now
  std::size_t foreign = 0;       // on the disk now, for hosts that are not in hosts.tab
  std::size_t strange = 0;       // on the disk now, names that are no message's
  std::size_t set_aside = 0;
  std::size_t doubtful_count = 0;
  std::vector<std::string> doubtful;  // the latest names: they may have arrived twice
  std::string trouble;                // what is wrong with the disk, empty if nothing is
  WallTime trouble_since{};
  std::map<std::string, HostSpoolReport, std::less<>> hosts;  // only those with messages
};

// What an administrator's work on the directory may use, on the spool's thread.
struct SpoolAccess {
  core::Spool& spool;
  FileSpoolDisk& disk;
};

// All members may be called from any thread.
class Spooler {
 public:
  // One session's side. The callbacks come on its strand; none begins after the handle's end, if that is on the strand
  // as well. After it the strand is not touched, so its loop may end while the spooler goes on.
  struct Subscriber {
    std::function<void(std::size_t messages)> waiting;
    std::function<void(core::DelayedBatch)> batch;
    std::function<void()> withdraw;
    std::function<void()> retry;
  };

 private:
  class Impl;
  struct Subscription;

 public:
  // A peer's place at the spool. Its end gives back what it was handed out.
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&&) noexcept = default;
    Handle& operator=(Handle&& other) noexcept;
    ~Handle() { release(); }

    // See core::Effects; each of the first three is followed by one `batch`.
    void fetch();
    void answered(std::string record, bool is_last);
    void set_aside(std::string reason, bool is_last);
    void failed(unsigned attempts);
    void give_back(bool first_was_sent);

   private:
    friend class Spooler;
    Handle(std::shared_ptr<Impl> impl, std::shared_ptr<Subscription> subscription);
    void release();

    std::shared_ptr<Impl> impl_;
    std::shared_ptr<Subscription> subscription_;
  };

  // `log` must outlive the thread, see close().
  Spooler(boost::asio::io_context& io, SpoolerOptions options, LogSink& log);
  // Waits for what its thread has to do; see wait_closed().
  ~Spooler();
  Spooler(const Spooler&) = delete;
  Spooler& operator=(const Spooler&) = delete;

  // Opens the directory, puts in order what a crash has left, and begins. Returns at once.
  void start();
  void set_hosts(std::vector<std::string> ids);
  void set_options(const core::SpoolOptions& spool, core::Duration rescan);

  Handle subscribe(std::string host_id, Strand strand, Subscriber subscriber);

  SpoolReport report() const;

  // For an administrator: the sessions of these hosts (of all, if there are none) give back what is not in flight, then
  // `work` is called on the spool's thread, and they are told what waits then. Without `work` having been called if the
  // directory is not open: it gets null.
  void administer(const std::vector<std::string>& hosts, std::function<void(const SpoolAccess*)> work);
  // Their failures are forgotten, and they are told what waits.
  void retry(const std::vector<std::string>& hosts);

  // Finishes what was answered, puts the journal away and releases the lock; then nothing is done any more. Returns at
  // once.
  void close();
  // Waits for that; false if the disk takes longer.
  bool wait_closed(std::chrono::milliseconds timeout);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace lonc::net
