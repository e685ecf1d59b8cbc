#include <lonc/app/daemon.hpp>

#include <lonc/app/check.hpp>
#include <lonc/app/daemonize.hpp>
#include <lonc/app/descriptor_limit.hpp>
#include <lonc/app/peer_configs.hpp>
#include <lonc/app/predecessor.hpp>
#include <lonc/app/run_loop.hpp>
#include <lonc/app/setting_table.hpp>
#include <lonc/app/socket_sweep.hpp>
#include <lonc/app/version.hpp>
#include <lonc/core/text.hpp>

#include <boost/asio/post.hpp>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <future>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace lonc::app {

namespace {

// Every worker that meets a dead peer sends SIGUSR1: those that come within this time make one sweep and one status.
constexpr std::chrono::seconds sweep_interval{2};
constexpr std::chrono::minutes sweep_told_interval{1};

// More lines about one file would hide the others; `lonc --check` shows them all.
constexpr std::size_t most_problems_told = 20;

constexpr std::chrono::seconds log_close_timeout{2};
constexpr std::chrono::milliseconds log_start_timeout{500};
constexpr std::chrono::seconds last_disk_work{2};
constexpr std::chrono::seconds rest_of_stop{30};  // everything but drain-timeout, on a slow machine

core::TimePoint now() { return std::chrono::steady_clock::now(); }

core::Severity severity_of(core::Problem::Kind kind) {
  return kind == core::Problem::Kind::note ? core::Severity::notice : core::Severity::warning;
}

}  // namespace

Daemon::Daemon(SettingsSources sources, Configuration configuration)
    : sources_(std::move(sources)),
      settings_(std::move(configuration.loaded.settings)),
      start_problems_(std::move(configuration.loaded.problems)),
      hosts_(std::move(configuration.hosts.table)),
      started_at_(std::chrono::system_clock::now()),
      io_(static_cast<int>(settings_.threads)),
      strand_(boost::asio::make_strand(io_)),
      signals_(strand_, SIGTERM, SIGINT, SIGHUP),
      refresh_timer_(strand_),
      disk_(1),
      log_(log_options(settings_)),
      parent_(log_),
      gate_(settings_.max_connecting),
      client_limit_(settings_.max_clients),
      spooler_(io_, watched_spooler_options(), log_),
      status_line_(strand_, {.manager = service_manager_,
                             .board = board_,
                             .why_not_ready = [this] { return administration_.why_not_ready(); }}),
      fleet_(io_, strand_,
             {.log = log_,
              .resolver = resolver_,
              .gate = gate_,
              .client_limit = client_limit_,
              .spooler = spooler_,
              .observer = &status_line_}),
      process_metrics_(strand_, started_at_),
      board_(strand_, {.parent =
                           [this] {
                             look_after_files();
                             return report();
                           },
                       .peers = [this](auto done) { fleet_.report(std::move(done)); }}),
      status_writer_(strand_, {.board = board_,
                               .disk = disk_,
                               .doc_root = [this] { return settings_.doc_root; },
                               .failed =
                                   [this](const FileError& failure) {
                                     parent_.write(core::Severity::warning,
                                                   "The status could not be written: " + failure.file + ": " +
                                                       failure.error.message());
                                   }}),
      administration_({.io = io_,
                       .strand = strand_,
                       .settings = settings_,
                       .log = log_,
                       .parent = parent_,
                       .spooler = spooler_,
                       .fleet = fleet_,
                       .board = board_,
                       .registry = process_metrics_.registry(),
                       .reload = [this](bool is_forced, auto done) { reload(is_forced, std::move(done)); },
                       .is_stopping = [this] { return is_stopping_; },
                       .changed = [this] { status_writer_.write(); }}),
      watchdog_(strand_, {.ask = [this](const auto& done) { board_.ask([done](const auto& /*snapshot*/) { done(); }); },
                          .alive = [this] { service_manager_.alive(); }}) {
  signals_.add(SIGUSR1);
  signals_.add(SIGUSR2);
  signals_.add(SIGQUIT);
  let_signals_in();
}

Daemon::~Daemon() = default;

std::optional<std::string> Daemon::start() {
  if (auto error = acquire_pid_file()) return error->text;
  if (!pid_file_.trouble().empty()) tell_of_pid_file();
  pid_file_trouble_ = pid_file_.trouble();

  fit_clients("");
  tell(start_problems_, "");
  tell(hosts_.problems, "");

  std::vector<std::string> names;
  for (const core::Host& host : hosts_.hosts) names.push_back(host.name);
  const SweepResult swept = sweep_sockets(settings_.socket_dir, host_ids(), names);
  for (const std::string& name : swept.removed) parent_.write(core::Severity::notice, "Removed stale " + name);
  for (const std::string& problem : swept.problems) parent_.write(core::Severity::warning, problem);

  try {
    fleet_.start(peer_configs(settings_, hosts_));
  } catch (const std::exception& error) {
    return std::string("can not listen: ") + error.what();
  }
  spooler_.set_hosts(host_ids());
  spooler_.start();
  administration_.start();
  parent_.set_status("Running");
  parent_.write(core::Severity::notice, "Done starting initial servers: " + core::counted(fleet_.size(), "peer"));
  // Whoever started lonc hears of a log that can not be written while there is somebody to hear it.
  log_.flush(log_start_timeout);
  return std::nullopt;
}

std::optional<PidFileError> Daemon::acquire_pid_file() {
  return acquire_or_replace(pid_file_, settings_.daemon_dir + "/logs/lonc.pid", [this](std::string_view what) {
    parent_.write(core::Severity::notice, what);
    service_manager_.status(what);
  });
}

int Daemon::run() {
  wait_for_signal();
  boost::asio::post(strand_, [this] {
    status_line_.ready();
    watchdog_.start(service_manager_.watchdog_limit());
    status_writer_.write();
    status_writer_.set_interval(settings_.status_interval);
    process_metrics_.start();
  });
  const bool has_ended_well = run_loop(io_, settings_.threads, [this](const std::string& what) {
    parent_.write(core::Severity::critical,
                  "ABNORMAL EXIT. The daemon died through \"exception\" with parameter [" + what + "]");
  });
  spooler_.close();
  const bool is_disk_idle = spooler_.wait_closed(last_disk_work) && wait_for_disk_thread(last_disk_work);
  log_.close(log_close_timeout);
  // A disk that hangs must not keep the process: its files and sockets are gone already, and a successor may run.
  if (!is_disk_idle) ::_exit(has_ended_well ? EXIT_SUCCESS : EXIT_FAILURE);
  return has_ended_well ? EXIT_SUCCESS : EXIT_FAILURE;
}

bool Daemon::wait_for_disk_thread(std::chrono::milliseconds timeout) {
  auto reached = std::make_shared<std::promise<void>>();
  const auto end = reached->get_future();
  boost::asio::post(disk_, [reached] { reached->set_value(); });
  return end.wait_for(timeout) == std::future_status::ready;
}

void Daemon::wait_for_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    // A signal that had arrived when the last session ended must not keep the loop alive.
    if (error || is_over_) return;
    wait_for_signal();
    on_signal(signal);
  });
}

void Daemon::on_signal(int signal) {
  switch (signal) {
    case SIGUSR1:
      return sweep();
    case SIGHUP:
    case SIGUSR2:  // loncnew took it for "the hosts have changed", and scripts may confuse lonc with lond
      return reload(false, {});
    case SIGQUIT:
      parent_.write(core::Severity::warning, "QUIT: stopping at once; requests in flight get con_lost");
      return stop(now());
    default:
      if (!is_stopping_) {
        parent_.write(core::Severity::notice, "Shutting down");
        return stop(now() + settings_.drain_timeout);
      }
      parent_.write(core::Severity::notice, "Shutting down at once");
      return stop(now());
  }
}

void Daemon::sweep() {
  if (is_stopping_) return;
  if (swept_at_ && now() < *swept_at_ + sweep_interval) return refresh_status_later();
  swept_at_ = now();
  tell_of_sweep();
  fleet_.reconnect();
  status_writer_.write();
}

// While peers are dead, workers may send the signal for hours.
void Daemon::tell_of_sweep() {
  if (sweep_told_at_ && now() < *sweep_told_at_ + sweep_told_interval) {
    ++untold_sweeps_;
    return;
  }
  sweep_told_at_ = now();
  const std::size_t untold = std::exchange(untold_sweeps_, 0);
  parent_.write(
      core::Severity::notice,
      "USR1: Trying to establish connections again" +
          (untold > 0 ? "; so it was " + core::counted(untold, "time") + " since this was said last" : std::string()));
}

// Whoever sent a signal that was taken as part of the last sweep sees, when its time is over, what came of that sweep.
void Daemon::refresh_status_later() {
  if (std::exchange(is_refresh_due_, true)) return;
  refresh_timer_.expires_at(*swept_at_ + sweep_interval);
  refresh_timer_.async_wait([this](const boost::system::error_code& error) {
    is_refresh_due_ = false;
    if (!error && !is_stopping_) status_writer_.write();
  });
}

// What is wrong with the spool is in the status soon, without anybody asking.
net::SpoolerOptions Daemon::watched_spooler_options() {
  net::SpoolerOptions options = spooler_options(settings_);
  options.changed = [this] {
    boost::asio::post(strand_, [this] {
      if (!is_stopping_) status_writer_.write();
    });
  };
  return options;
}

std::vector<std::string> Daemon::host_ids() const {
  std::vector<std::string> ids;
  for (const core::Host& host : hosts_.hosts) ids.push_back(host.id);
  return ids;
}

void Daemon::fit_clients(std::string_view prefix) {
  const DescriptorFit fit = fit_descriptors(raise_descriptor_limit().limit, hosts_.hosts.size(), settings_);
  if (fit.problem) tell({*fit.problem}, prefix);
  client_limit_.set_limit(fit.clients);
  client_limit_.set_memory_limit(std::max(settings_.max_client_memory, 4 * settings_.max_line_length));
}

// Whoever asks for a status has this done, and StatusWriter asks again and again. The fleet does it for the peers'
// sockets.
void Daemon::look_after_files() {
  if (is_stopping_) return;
  administration_.look_after();
  const PidFileLook look = pid_file_.look_after();
  if (look.is_others) {
    parent_.write(core::Severity::critical,
                  look.trouble + "; this one ends, since the other has taken the pid file over");
    return boost::asio::post(strand_, [this] { stop(now() + settings_.drain_timeout); });
  }
  if (look.is_new) parent_.write(core::Severity::warning, "The pid file was missing and has been made anew");
  if (!look.trouble.empty() && look.trouble != pid_file_trouble_) tell_of_pid_file();
  pid_file_trouble_ = look.trouble;
}

void Daemon::tell_of_pid_file() {
  parent_.write(core::Severity::warning,
                "lonc runs without its pid file: " + pid_file_.trouble() + "; it is tried again");
}

ParentReport Daemon::report() const {
  ParentReport parent;
  parent.pid = ::getpid();
  parent.host_id = settings_.host_id;
  parent.version = version;
  parent.started_at = started_at_;
  parent_.report(parent);
  parent.spool = spooler_.report();
  parent.interval = settings_.status_interval;
  parent.log_level = log_level_word(log_.level());
  parent.log_lines_dropped = log_.dropped_lines();
  for (const std::string& trouble : {pid_file_.trouble(), log_.trouble()}) {
    if (!trouble.empty()) parent.problems.push_back(trouble);
  }
  parent.is_ready = administration_.why_not_ready().empty();
  return parent;
}

// The names go first and the lock before what takes time, so that a successor can start while this one drains.
void Daemon::stop(core::TimePoint until) {
  if (std::exchange(is_stopping_, true)) return fleet_.drain(until, [] {});
  refresh_timer_.cancel();
  status_writer_.stop();
  status_line_.stop();
  process_metrics_.stop();
  parent_.set_status("Shutting down");
  service_manager_.stopping(
      "finishing what is in flight",
      std::chrono::duration_cast<std::chrono::microseconds>(std::max(until - now(), core::Duration{0}) + rest_of_stop));
  administration_.stop([this, until] {
    boost::asio::post(strand_, [this, until] {
      fleet_.stop_listening([this, until] {
        // Not before the sockets: a successor that starts now must not have its own taken away.
        pid_file_.release();
        fleet_.drain(until, [this] { drained(); });
      });
    });
  });
}

void Daemon::drained() {
  is_over_ = true;
  watchdog_.stop();
  spooler_.close();
  parent_.write(core::Severity::notice, "Shut down");
  signals_.cancel();
}

void Daemon::tell(const std::vector<core::Problem>& problems, std::string_view prefix) {
  std::size_t told = 0;
  for (const core::Problem& problem : problems) {
    if (told++ == most_problems_told) {
      parent_.write(core::Severity::warning, std::string(prefix) +
                                                 std::to_string(problems.size() - most_problems_told) +
                                                 " more findings; `lonc --check` shows them all");
      return;
    }
    parent_.write(severity_of(problem.kind), std::string(prefix) + core::to_string(problem));
  }
}

}  // namespace lonc::app
