#include <lonc/app/log.hpp>

#include <lonc/app/journal.hpp>
#include <lonc/app/log_line.hpp>
#include <lonc/net/file_write.hpp>
#include <lonc/net/local_time.hpp>
#include <lonc/net/log_file.hpp>

#include <pthread.h>
#include <signal.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace lonc::app {
namespace {

using WallTime = std::chrono::system_clock::time_point;

// What travels through the queue before the texts: the sender only copies, the log's thread formats.
struct PackedHeader {
  WallTime status_since;
  std::uint32_t server_size = 0;
  std::uint32_t status_size = 0;
  std::uint32_t command_size = 0;
  core::Severity severity = core::Severity::notice;
};

void pack(std::string& out, core::Severity severity, const net::LogContext& context, std::string_view message) {
  const PackedHeader header{context.status_since, static_cast<std::uint32_t>(context.server.size()),
                            static_cast<std::uint32_t>(context.status.size()),
                            static_cast<std::uint32_t>(context.command.size()), severity};
  out.resize(sizeof header);
  std::memcpy(out.data(), &header, sizeof header);
  out += context.server;
  out += context.status;
  out += context.command;
  out += message;
}

LogLine unpack(std::string_view packed) {
  PackedHeader header{};
  std::memcpy(&header, packed.data(), sizeof header);
  packed.remove_prefix(sizeof header);
  LogLine line;
  line.severity = header.severity;
  line.status_since = header.status_since;
  const auto take = [&packed](std::size_t size) {
    const std::string_view part = packed.substr(0, size);
    packed.remove_prefix(part.size());
    return part;
  };
  line.server = take(header.server_size);
  line.status = take(header.status_size);
  line.command = take(header.command_size);
  line.message = packed;
  return line;
}

struct LogPlaces {
  bool file = false;
  bool standard_error = false;
  bool journal = false;
};

LogPlaces places_of(LogTarget target) {
  switch (target) {
    case LogTarget::automatic:
      return {.file = true, .journal = leads_to_journal(STDERR_FILENO, std::getenv("JOURNAL_STREAM"))};
    case LogTarget::file:
      return {.file = true};
    case LogTarget::standard_error:
      return {.standard_error = true};
    case LogTarget::both:
      return {.file = true, .standard_error = true};
    case LogTarget::journal:
      return {.journal = true};
  }
  return {.file = true};
}

std::string number_of_lines(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " log line was " : " log lines were ");
}

}  // namespace

// Runs on the log's thread alone, but for what is about progress, and trouble().
class Log::Sink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit Sink(const LogOptions& options)
      : file_(options.path),
        places_(places_of(options.target)),
        journal_(options.journal),
        pid_(::getpid()),
        begun_(std::chrono::system_clock::now()) {}

  // The pool joins this thread before it ends, so a plain pointer is safe; an owning one could make this thread
  // the last owner and join itself.
  void watch(spdlog::details::thread_pool* pool) { pool_ = pool; }

  std::uint64_t processed() const { return processed_.load(std::memory_order_acquire); }

  std::string trouble() {
    const std::lock_guard lock{progress_mutex_};
    return trouble_;
  }

  // Written, lost or dropped as of the last line that was dealt with.
  std::uint64_t gone() const { return gone_.load(std::memory_order_acquire); }

  // Returns when a line has been dealt with, or after a moment.
  void wait_for_progress(std::uint64_t seen, std::chrono::steady_clock::time_point until) {
    std::unique_lock lock{progress_mutex_};
    progress_.wait_until(lock, until, [&] { return processed() != seen; });
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    LogLine line = unpack({msg.payload.data(), msg.payload.size()});
    line.time = msg.time;
    line.pid = pid_;
    write(line);
    {
      const std::lock_guard lock{progress_mutex_};
      gone_.store(processed_.fetch_add(1, std::memory_order_release) + 1 + pool_->overrun_counter(),
                  std::memory_order_release);
    }
    progress_.notify_all();
  }
  void flush_() override {}

 private:
  void write(const LogLine& line) {
    text_.clear();
    append_log_line(text_, line);
    std::error_code error = write_notes(line.time);
    if (!error) error = put_to_file(text_);
    if (error) lose(line.time, error);
    put_elsewhere(text_, line);
  }

  std::error_code put_to_file(std::string_view text) { return places_.file ? file_.append(text) : std::error_code{}; }

  void put_elsewhere(std::string_view text, const LogLine& line) {
    if (places_.standard_error) net::write_all(STDERR_FILENO, text);
    if (places_.journal) put_to_journal(line);
  }

  // A journal that hangs must not hold up the file: it gets what it takes, and hears how much it has missed.
  void put_to_journal(const LogLine& line) {
    std::error_code error = write_journal_note(line.time);
    if (!error) error = journal_.send(line);
    if (!error) return;
    if (journal_lost_++ == 0) journal_lost_since_ = line.time;
    journal_cause_ = error.message();
    tell_journal_trouble(line.time);
  }

  std::error_code write_journal_note(WallTime now) {
    if (journal_lost_ == 0) return {};
    const std::string message = number_of_lines(journal_lost_) + "lost on the way to the journal since " +
                                net::local_time_text(journal_lost_since_) + ": " + journal_cause_;
    const auto error = journal_.send(note_line(now, message));
    if (!error) journal_lost_ = 0;
    return error;
  }

  // Where it hangs again and again, once in a while is enough.
  void tell_journal_trouble(WallTime now) {
    constexpr std::chrono::hours interval{1};
    if (journal_trouble_told_ && now - *journal_trouble_told_ < interval) return;
    journal_trouble_told_ = now;
    std::string note;
    append_log_line(note, note_line(now, "The journal does not take what is said: " + journal_cause_ +
                                             "; its lines are counted and told to it later"));
    if (places_.file) {
      put_to_file(note);
    } else {
      net::write_all(STDERR_FILENO, note);
    }
  }

  LogLine note_line(WallTime now, std::string_view message) const {
    return {now, pid_, core::Severity::warning, "PARENT", "Writing the log", begun_, message};
  }

  // What happened to earlier lines is told right where they are missing.
  std::error_code write_notes(WallTime now) {
    const std::uint64_t dropped = pool_->overrun_counter();
    if (dropped > told_dropped_) {
      const auto error =
          write_note(now, number_of_lines(dropped - told_dropped_) +
                              "dropped: more was said than the disk could take (log-queue is the bound)");
      if (error) return error;
      told_dropped_ = dropped;
    }
    if (lost_ > 0) {
      const auto error = write_note(now, number_of_lines(lost_) + "lost since " + net::local_time_text(lost_since_) +
                                             ": " + file_.path() + ": " + lost_cause_);
      if (error) return error;
      lost_ = 0;
      complained_.clear();
      set_trouble({});
    }
    return {};
  }

  std::error_code write_note(WallTime now, std::string_view message) {
    std::string note;
    const LogLine line = note_line(now, message);
    append_log_line(note, line);
    const auto error = put_to_file(note);
    if (!error) put_elsewhere(note, line);
    return error;
  }

  void set_trouble(std::string text) {
    const std::lock_guard lock{progress_mutex_};
    trouble_ = std::move(text);
  }

  void lose(WallTime now, const std::error_code& error) {
    if (lost_++ == 0) lost_since_ = now;
    lost_cause_ = error.message();
    set_trouble("cannot write the log " + file_.path() + ": " + lost_cause_);
    if (!complained_.insert(error.value()).second) return;
    const std::string complaint = "lonc: " + trouble() + "; lines are lost until this is mended\n";
    net::write_all(STDERR_FILENO, complaint);
  }

  net::LogFile file_;
  const LogPlaces places_;
  JournalSocket journal_;
  const pid_t pid_;
  const WallTime begun_;
  spdlog::details::thread_pool* pool_ = nullptr;
  std::string text_;
  std::uint64_t told_dropped_ = 0;
  std::uint64_t lost_ = 0;
  WallTime lost_since_{};
  std::string lost_cause_;
  std::uint64_t journal_lost_ = 0;
  WallTime journal_lost_since_{};
  std::string journal_cause_;
  std::optional<WallTime> journal_trouble_told_;
  std::set<int> complained_;  // causes told on stderr since it last worked
  std::atomic<std::uint64_t> processed_{0};
  std::atomic<std::uint64_t> gone_{0};
  std::mutex progress_mutex_;  // of trouble_ as well
  std::string trouble_;
  std::condition_variable progress_;
};

struct Log::Queue {
  std::shared_ptr<Sink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
  std::uint64_t dropped_at_close = 0;
};

LogOptions log_options(const Settings& settings) {
  return {settings.daemon_dir + "/logs/lonc.log", settings.log_target, settings.log_level, settings.log_queue};
}

Log::Log(const LogOptions& options) : level_(options.level), queue_(std::make_unique<Queue>()) {
  queue_->sink = std::make_shared<Sink>(options);
  // Signals are for the main loop, and a closed stderr must not kill the process with SIGPIPE: the thread
  // inherits a mask that blocks them all.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  queue_->pool = std::make_shared<spdlog::details::thread_pool>(std::max<std::size_t>(options.queue, 1), 1,
                                                                [] { pthread_setname_np(pthread_self(), "lonc-log"); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  queue_->sink->watch(queue_->pool.get());
  queue_->logger = std::make_shared<spdlog::async_logger>("lonc", queue_->sink, queue_->pool,
                                                          spdlog::async_overflow_policy::overrun_oldest);
  queue_->logger->set_level(spdlog::level::trace);  // level_ decides
}

Log::~Log() { close(std::chrono::seconds{2}); }

void Log::write(core::Severity severity, const net::LogContext& context, std::string_view message) {
  if (severity < level() || closed_.load(std::memory_order_relaxed)) return;
  thread_local std::string packed;
  pack(packed, severity, context, message);
  accepted_.fetch_add(1, std::memory_order_relaxed);
  queue_->logger->log(std::chrono::system_clock::now(), spdlog::source_loc{}, spdlog::level::info,
                      spdlog::string_view_t{packed.data(), packed.size()});
}

std::uint64_t Log::lines_done() const { return queue_->sink->gone(); }

bool Log::flush(std::chrono::milliseconds timeout) {
  if (!queue_->pool) return true;
  const std::uint64_t target = accepted_.load();
  const auto until = std::chrono::steady_clock::now() + timeout;
  // Lines leave the queue in order, written or dropped, so the sum says how far it has come.
  for (;;) {
    const std::uint64_t processed = queue_->sink->processed();
    if (processed + dropped_lines() >= target) return true;
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) return false;
    queue_->sink->wait_for_progress(processed, std::min(until, now + std::chrono::milliseconds{20}));
  }
}

bool Log::close(std::chrono::milliseconds timeout) {
  if (closed_.exchange(true)) return true;
  const bool flushed = flush(timeout);
  queue_->dropped_at_close = dropped_lines();
  if (!flushed) {
    // Joining would wait as long as the disk does. What the thread uses lives on with the pool.
    static auto* left_behind = new std::vector<std::shared_ptr<spdlog::details::thread_pool>>;
    left_behind->push_back(queue_->pool);
  }
  queue_->pool.reset();
  return flushed;
}

std::string Log::trouble() const { return queue_->sink->trouble(); }

std::uint64_t Log::dropped_lines() const {
  return queue_->pool ? queue_->pool->overrun_counter() : queue_->dropped_at_close;
}

}  // namespace lonc::app
