#include <lonc/node/log/log.hpp>

#include <lonc/core/base/text.hpp>
#include <lonc/node/config/settings.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/log_file.hpp>
#include <lonc/os/wall_time.hpp>

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <utility>

namespace lonc::node {
namespace {

using os::WallTime;

std::string number_of_lines(std::uint64_t count) {
  return fmt::format("{} {}", core::counted(count, "log line"), count == 1 ? "was" : "were");
}

// The lines that a destination has not taken since it took the last one.
struct Loss {
  std::uint64_t lines = 0;
  WallTime since{};
  std::string cause;

  void add(WallTime now, const std::error_code& error) {
    if (lines++ == 0) since = now;
    cause = error.message();
  }
};

// Writes the lines to their destinations. Lives on the log's thread, except for trouble().
class LogWriter {
 public:
  explicit LogWriter(const LogOptions& options)
      : file_(options.path),
        to_file_(options.target != LogTarget::standard_error && options.target != LogTarget::journal),
        to_standard_error_(options.target == LogTarget::standard_error || options.target == LogTarget::both),
        to_journal_(
            options.target == LogTarget::journal ||
            (options.target == LogTarget::automatic && leads_to_journal(STDERR_FILENO, std::getenv("JOURNAL_STREAM")))),
        journal_(options.journal) {}

  // `dropped`: how many lines were dropped before this one.
  void write(LogLine line, std::uint64_t dropped) {
    line.pid = pid_;
    text_.clear();
    append_log_line(text_, line);
    std::error_code error = write_notes(line.time, dropped);
    if (!error) error = put_to_file(text_);
    if (error) lose(line.time, error);
    put_elsewhere(text_, line);
  }

  std::string trouble() const {
    const std::lock_guard lock{mutex_};
    return trouble_;
  }

 private:
  std::error_code put_to_file(std::string_view text) { return to_file_ ? file_.append(text) : std::error_code{}; }

  void put_elsewhere(std::string_view text, const LogLine& line) {
    if (to_standard_error_) os::write_all(STDERR_FILENO, text);
    if (to_journal_) put_to_journal(line);
  }

  // A journal that hangs must not delay the file. Lines that it does not accept are counted, and the count is sent to
  // it later.
  void put_to_journal(const LogLine& line) {
    std::error_code error;
    if (journal_loss_.lines > 0) {
      error = journal_.send(note_line(
          line.time, fmt::format("{} lost on the way to the journal since {}: {}", number_of_lines(journal_loss_.lines),
                                 os::local_time_text(journal_loss_.since), journal_loss_.cause)));
      if (!error) journal_loss_.lines = 0;
    }
    if (!error) error = journal_.send(line);
    if (!error) return;
    journal_loss_.add(line.time, error);
    tell_journal_trouble(line.time);
  }

  // Reports this at most once per interval, as the journal may hang again and again.
  void tell_journal_trouble(WallTime now) {
    constexpr std::chrono::hours interval{1};
    if (journal_trouble_told_ && now - *journal_trouble_told_ < interval) return;
    journal_trouble_told_ = now;
    std::string note;
    append_log_line(
        note,
        note_line(
            now, fmt::format(
                     "The journal does not accept lines: {}; the lost ones are counted, and it gets their number later",
                     journal_loss_.cause)));
    if (to_file_) {
      put_to_file(note);
    } else {
      os::write_all(STDERR_FILENO, note);
    }
  }

  LogLine note_line(WallTime now, std::string message) const {
    return {now, pid_, core::Severity::warning, "PARENT", "Writing the log", begun_, std::move(message)};
  }

  // Reports lost and dropped lines at the very place where they are missing.
  std::error_code write_notes(WallTime now, std::uint64_t dropped) {
    if (dropped > told_dropped_) {
      const auto error =
          write_note(now, fmt::format("{} dropped: more was logged than the disk could take (log-queue is the limit)",
                                      number_of_lines(dropped - told_dropped_)));
      if (error) return error;
      told_dropped_ = dropped;
    }
    if (loss_.lines > 0) {
      const auto error = write_note(now, fmt::format("{} lost since {}: {}: {}", number_of_lines(loss_.lines),
                                                     os::local_time_text(loss_.since), file_.path(), loss_.cause));
      if (error) return error;
      loss_.lines = 0;
      complained_.clear();
      set_trouble({});
    }
    return {};
  }

  std::error_code write_note(WallTime now, std::string message) {
    const LogLine line = note_line(now, std::move(message));
    std::string note;
    append_log_line(note, line);
    const auto error = put_to_file(note);
    if (!error) put_elsewhere(note, line);
    return error;
  }

  void set_trouble(std::string text) {
    const std::lock_guard lock{mutex_};
    trouble_ = std::move(text);
  }

  void lose(WallTime now, const std::error_code& error) {
    loss_.add(now, error);
    set_trouble(fmt::format("cannot write the log {}: {}", file_.path(), loss_.cause));
    if (!complained_.insert(error.value()).second) return;
    os::write_all(STDERR_FILENO, fmt::format("lonc: {}; lines are lost until this is fixed\n", trouble()));
  }

  os::LogFile file_;
  const bool to_file_;
  const bool to_standard_error_;
  const bool to_journal_;
  JournalSocket journal_;
  const pid_t pid_ = ::getpid();
  const WallTime begun_ = std::chrono::system_clock::now();
  std::string text_;
  std::uint64_t told_dropped_ = 0;
  Loss loss_;
  Loss journal_loss_;
  std::optional<WallTime> journal_trouble_told_;
  std::set<int> complained_;  // causes reported on stderr since the last success
  mutable std::mutex mutex_;
  std::string trouble_;
};

}  // namespace

// The bounded queue between the senders and the log's thread. Both share ownership: a thread that still hangs on the
// disk when the log is closed keeps the queue alive.
class Log::Queue {
 public:
  explicit Queue(const LogOptions& options) : bound_(std::max<std::size_t>(options.queue, 1)), writer_(options) {}

  // Any thread. When the queue is full, drops the oldest line.
  void push(LogLine line) {
    {
      const std::lock_guard lock{mutex_};
      if (lines_.size() == bound_) {
        lines_.pop_front();
        ++dropped_;
      }
      lines_.push_back(std::move(line));
      ++given_;
    }
    arrived_.notify_one();
  }

  // On the log's thread: writes lines until end() has been called and the queue is empty.
  void run() {
    std::unique_lock lock{mutex_};
    while (true) {
      arrived_.wait(lock, [this] { return is_ending_ || !lines_.empty(); });
      if (lines_.empty()) return;
      LogLine line = std::move(lines_.front());
      lines_.pop_front();
      const std::uint64_t dropped = dropped_;
      lock.unlock();
      bool was_handled = true;
      try {
        writer_.write(std::move(line), dropped);
      } catch (const std::exception&) {
        was_handled = false;  // there was no memory for it: that must not end the daemon
      }
      lock.lock();
      ++(was_handled ? written_ : dropped_);
      done_ = written_ + dropped_;
      progress_.notify_all();
    }
  }

  void end() {
    {
      const std::lock_guard lock{mutex_};
      is_ending_ = true;
    }
    arrived_.notify_one();
  }

  // True once all lines given so far have been written or dropped.
  bool wait(std::chrono::milliseconds timeout) {
    std::unique_lock lock{mutex_};
    const std::uint64_t target = given_;
    return progress_.wait_for(lock, timeout, [&] { return done_ >= target; });
  }

  // Any thread. Counts a line for which there was no memory.
  void drop() {
    const std::lock_guard lock{mutex_};
    ++dropped_;
    ++given_;
  }

  std::uint64_t given() const { return given_.load(); }
  std::uint64_t done() const { return done_.load(std::memory_order_acquire); }
  std::uint64_t dropped() const { return dropped_.load(); }
  std::string trouble() const { return writer_.trouble(); }

 private:
  const std::size_t bound_;
  LogWriter writer_;
  std::mutex mutex_;  // guards the members below; atomic counters can be read without it
  std::condition_variable arrived_;
  std::condition_variable progress_;
  std::deque<LogLine> lines_;
  bool is_ending_ = false;
  std::atomic<std::uint64_t> written_{0};  // or lost because of the disk
  std::atomic<std::uint64_t> given_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> done_{0};  // written, lost or dropped as of the last line processed
};

LogOptions log_options(const Settings& settings) {
  LogOptions options = settings.log;
  options.path = settings.daemon_dir + "/logs/lonc.log";
  return options;
}

Log::Log(const LogOptions& options) : level_(options.level), queue_(std::make_shared<Queue>(options)) {
  // Signals are for the main loop, and a closed stderr must not kill the process with SIGPIPE. So the thread inherits a
  // mask that blocks all signals.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([queue = queue_] {
    pthread_setname_np(pthread_self(), "lonc-log");
    queue->run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Log::~Log() { close(std::chrono::seconds{2}); }

void Log::write(core::Severity severity, const net::LogContext& context, std::string_view message) {
  if (severity < level() || closed_.load(std::memory_order_relaxed)) return;
  try {
    queue_->push({.time = std::chrono::system_clock::now(),
                  .severity = severity,
                  .server = std::string(context.server),
                  .status = std::string(context.status),
                  .status_since = context.status_since,
                  .message = std::string(message),
                  .command = std::string(context.command)});
  } catch (const std::bad_alloc&) {
    queue_->drop();
  }
}

std::uint64_t Log::lines_given() const { return queue_->given(); }

std::uint64_t Log::lines_done() const { return queue_->done(); }

bool Log::flush(std::chrono::milliseconds timeout) { return queue_->wait(timeout); }

bool Log::close(std::chrono::milliseconds timeout) {
  if (closed_.exchange(true)) return true;
  const bool flushed = flush(timeout);
  queue_->end();
  if (flushed) {
    thread_.join();
  } else {
    thread_.detach();  // joining would block for as long as the disk hangs
  }
  return flushed;
}

std::string Log::trouble() const { return queue_->trouble(); }

std::uint64_t Log::dropped_lines() const { return queue_->dropped(); }

}  // namespace lonc::node
