#include "daemon/process/daemon.hpp"

#include "daemon/process/daemonize.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/check/socket_sweep.hpp>
#include <lonc/node/check/start_check.hpp>
#include <lonc/node/config/command_line.hpp>
#include <lonc/node/config/peer_configs.hpp>
#include <lonc/node/config/settings.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <future>
#include <iterator>
#include <ranges>
#include <system_error>
#include <thread>

namespace lonc::daemon {

namespace {

using enum core::Severity;

// More lines about one file would drown out the rest of the log; `lonc --check` shows them all.
constexpr std::ptrdiff_t most_problems_logged = 20;

constexpr std::chrono::seconds log_close_timeout{2};
constexpr std::chrono::milliseconds log_start_timeout{500};
constexpr std::chrono::seconds last_disk_work{2};
constexpr std::chrono::seconds rest_of_stop{30};  // everything except drain-timeout, on a slow machine

core::TimePoint now() { return std::chrono::steady_clock::now(); }

}  // namespace

bool run_loop(boost::asio::io_context& io, unsigned threads, const std::function<void(const std::string&)>& failed) {
  std::atomic<bool> has_failed = false;
  const auto fail = [&](const std::string& what) {
    if (!has_failed.exchange(true)) failed(core::escape_outside_text(what));
    io.stop();
  };
  const auto loop = [&] {
    try {
      io.run();
    } catch (const std::exception& error) {
      fail(error.what());
    } catch (...) {
      fail("unknown exception");
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (unsigned thread = 1; thread < threads; ++thread) others.emplace_back(loop);
    } catch (const std::system_error& error) {
      fail(error.what());
    }
    loop();
  }
  return !has_failed;
}

Daemon::Daemon(node::SettingsSources sources, Configuration configuration)
    : sources_(std::move(sources)),
      settings_(std::move(configuration.loaded.settings)),
      start_problems_(std::move(configuration.loaded.problems)),
      hosts_(std::move(configuration.hosts.table)) {
  signals_.add(SIGUSR1);
  signals_.add(SIGUSR2);
  signals_.add(SIGQUIT);
  unblock_signals();
}

std::optional<std::string> Daemon::start() {
  const auto tell = [this](std::string_view what) {
    daemon_log_.write(routine, what);
    service_manager::status(what);
  };
  if (const auto error = acquire_or_replace(pid_file_, settings_.daemon_dir + "/logs/lonc.pid", tell))
    return error->text;
  log_pid_file_trouble();

  fit_clients("");
  log_problems(start_problems_, "");
  log_problems(hosts_.problems, "");

  std::vector<std::string> names;
  for (const core::Host& host : hosts_.hosts) names.push_back(host.name);
  const node::SweepResult swept = node::sweep_sockets(settings_.socket_dir, host_ids(), names);
  for (const std::string& name : swept.removed) daemon_log_.write(routine, "Removed stale " + name);
  for (const std::string& problem : swept.problems) daemon_log_.write(warning, problem);

  try {
    fleet_.start(node::peer_configs(settings_, hosts_));
  } catch (const std::exception& error) {
    return std::string("cannot listen: ") + error.what();
  }
  spooler_.set_hosts(host_ids());
  spooler_.start();
  admin_endpoint_.start();
  daemon_log_.set_status("Running");
  daemon_log_.write(routine, "Done starting initial servers: " + core::counted(fleet_.size(), "peer"));
  // Flushed now, so that a log that cannot be written is reported while lonc's starter still waits for the result.
  log_.flush(log_start_timeout);
  return std::nullopt;
}

int Daemon::run() {
  wait_for_signal();
  boost::asio::post(strand_, [this] {
    status_line_.ready();
    watchdog_.start(service_manager::watchdog_limit());
    status_writer_.write();
    status_writer_.set_interval(settings_.status_interval);
    process_metrics_.start();
  });
  const bool has_ended_well = run_loop(io_, settings_.threads, [this](const std::string& what) {
    daemon_log_.write(critical, "ABNORMAL EXIT. The daemon died through \"exception\" with parameter [" + what + "]");
  });
  spooler_.close();
  const bool is_disk_idle =
      spooler_.wait_closed(last_disk_work) &&
      boost::asio::post(disk_, boost::asio::use_future).wait_for(last_disk_work) == std::future_status::ready;
  log_.close(log_close_timeout);
  const int status = has_ended_well ? EXIT_SUCCESS : EXIT_FAILURE;
  // A disk that hangs must not keep the process alive: its files and sockets are already gone, and a successor may run.
  if (!is_disk_idle) ::_exit(status);
  return status;
}

void Daemon::wait_for_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    // A signal that arrives just as the last session ends must not keep the loop alive.
    if (error || is_over_) return;
    wait_for_signal();
    on_signal(signal);
  });
}

// Makes trouble with the spool appear in the status soon, without a request.
net::SpoolerOptions Daemon::watched_spooler_options() {
  net::SpoolerOptions options = node::spooler_options(settings_);
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
  const node::DescriptorFit fit =
      node::fit_descriptors(node::raise_descriptor_limit().limit, hosts_.hosts.size(), settings_);
  if (fit.problem) log_problems({*fit.problem}, prefix);
  client_limit_.set_limit(fit.clients);
  client_limit_.set_memory_limit(std::max(settings_.max_client_memory, 4 * settings_.peer.engine.max_line_length));
}

// Runs for every status request; StatusWriter makes one at an interval. The fleet looks after the peers' sockets.
void Daemon::look_after_files() {
  if (is_stopping_) return;
  admin_endpoint_.look_after();
  const PidFileLook look = pid_file_.look_after();
  if (look.is_others) {
    daemon_log_.write(critical, look.trouble + "; this one ends, since the other has taken over the pid file");
    return boost::asio::post(strand_, [this] { stop(now() + settings_.drain_timeout); });
  }
  if (look.is_new) daemon_log_.write(warning, "The pid file was missing and has been created again");
  log_pid_file_trouble();
}

void Daemon::log_pid_file_trouble() {
  const std::string before = std::exchange(pid_file_trouble_, pid_file_.trouble());
  if (!pid_file_trouble_.empty() && pid_file_trouble_ != before)
    daemon_log_.write(warning, "lonc runs without its pid file: " + pid_file_trouble_ + "; lonc tries again");
}

DaemonReport Daemon::report_daemon() {
  look_after_files();
  DaemonReport report;
  static_cast<DaemonActivity&>(report) = daemon_log_.activity();
  report.pid = ::getpid();
  report.host_id = settings_.host_id;
  report.version = node::version;
  report.started_at = started_at_;
  report.spool = spooler_.report();
  report.interval = settings_.status_interval;
  report.log_level = node::log_level_word(log_.level());
  report.log_lines_dropped = log_.dropped_lines();
  for (const std::string& trouble : {pid_file_.trouble(), log_.trouble()}) {
    if (trouble.empty()) continue;
    report.problems.push_back(
        {.file = {}, .text = trouble, .remedy = "repair the disk or the directory; lonc tries again by itself"});
  }
  report.why_not_ready = why_not_ready();
  return report;
}

// Removes the names first, and releases the lock before anything slow, so that a successor can start while this process
// drains.
void Daemon::stop(core::TimePoint until) {
  if (std::exchange(is_stopping_, true)) return fleet_.drain(until, [] {});
  refresh_timer_.cancel();
  status_writer_.stop();
  status_line_.stop();
  process_metrics_.stop();
  daemon_log_.set_status("Shutting down");
  service_manager::stopping(
      "finishing the requests in flight",
      std::chrono::duration_cast<std::chrono::microseconds>(std::max(until - now(), core::Duration{0}) + rest_of_stop));
  admin_endpoint_.stop([this, until] {
    boost::asio::post(strand_, [this, until] {
      fleet_.stop_listening([this, until] {
        // Only after the sockets are removed: otherwise this process could remove those of a successor.
        pid_file_.release();
        fleet_.drain(until, [this] {
          is_over_ = true;
          watchdog_.stop();
          spooler_.close();
          daemon_log_.write(routine, "Shut down");
          signals_.cancel();
        });
      });
    });
  });
}

void Daemon::log_problems(const std::vector<core::Problem>& problems, std::string_view prefix) {
  for (const core::Problem& problem : problems | std::views::take(most_problems_logged)) {
    const bool is_note = problem.kind == core::Problem::Kind::note;
    daemon_log_.write(is_note ? routine : warning, std::string(prefix) + core::to_string(problem));
  }
  if (const auto more = std::ssize(problems) - most_problems_logged; more > 0)
    daemon_log_.write(warning,
                      std::string(prefix) + std::to_string(more) + " more findings; `lonc --check` shows them all");
}

}  // namespace lonc::daemon
