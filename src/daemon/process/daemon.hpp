// The running daemon: signals, reload, status files and the order of shutdown. PeerFleet handles the peers.
#pragma once

#include "daemon/admin/admin_endpoint.hpp"
#include "daemon/peers/peer_fleet.hpp"
#include "daemon/process/pid_file.hpp"
#include "daemon/process/service_manager.hpp"
#include "daemon/status/metrics.hpp"
#include "daemon/status/snapshot.hpp"
#include "daemon/status/status_files.hpp"

#include <lonc/net/client/client_limit.hpp>
#include <lonc/net/peer/connect_gate.hpp>
#include <lonc/net/peer/resolver.hpp>
#include <lonc/net/socket/executor.hpp>
#include <lonc/net/spool/spooler.hpp>
#include <lonc/node/config/peer_configs.hpp>
#include <lonc/node/config/settings_loader.hpp>
#include <lonc/node/log/log.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>

#include <csignal>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lonc::daemon {

// The configuration read at a start or a reload.
struct Configuration {
  node::LoadedSettings loaded;
  node::HostTableFile hosts;                    // not read if the settings cannot be used
  std::vector<std::string> needs_restart;  // changed settings that keep their running value
};

// `running`: the settings in effect, for a reload.
Configuration read_configuration(const node::SettingsSources& sources, const os::ReadFile& read,
                                 const node::Settings* running = nullptr);

// Runs the loop on several threads until it has no more work or is stopped. An exception that escapes a handler ends
// it: that is a bug in the daemon itself, since sessions catch their own. Then it returns false, after calling `failed`
// with what() of the first exception, outside text escaped, on the thread where it occurred.
bool run_loop(boost::asio::io_context& io, unsigned threads, const std::function<void(const std::string&)>& failed);

// Members live on `strand_` unless noted otherwise.
class Daemon final : private StatusSource, private DaemonControl {
 public:
  // Starts to handle the signals: from here on, none is lost, and none ends the process before it has cleaned up.
  Daemon(node::SettingsSources sources, Configuration configuration);

  // Acquires the pid file and opens all sockets. Returns a message for the administrator if it cannot start.
  std::optional<std::string> start();

  // Runs until TERM, INT or QUIT; returns the exit status.
  int run();

 private:
  // StatusSource: the contents of a snapshot.
  DaemonReport report_daemon() override;
  void report_peers(std::function<void(std::vector<net::PeerReport>)> done) override { fleet_.report(std::move(done)); }

  // DaemonControl: requests of an administrator; any thread.
  void ask_readiness(std::function<void(const std::string& why_not)> done) override;
  void reconnect(PeerChoice choice, PeersDoneHandler done) override;
  void drain(PeerChoice choice, PeersDoneHandler done) override;
  void reload(bool is_forced, ReloadDone done) override;
  core::Severity log_level() const override { return log_.level(); }
  void set_log_level(core::Severity level, std::function<void()> done) override;

  // Requests that arrive during a reload are merged into one further reload, which is forced if any of them is.
  struct Reload {
    bool is_forced = false;
    std::vector<ReloadDone> done;
  };

  void wait_for_signal();
  void on_signal(int signal);
  void sweep();
  void refresh_status_later();
  // Empty if it is ready.
  std::string why_not_ready() const;
  // The result if the request for these peers is refused; nothing if it is not.
  std::optional<PeersDone> refuse(const PeerChoice& choice) const;
  void begin_reload();
  void put_in_force(Configuration configuration);
  // Logs and returns why the configuration must not be applied; empty if it may.
  std::string refuse(const Configuration& configuration, bool is_forced);
  ReloadResult replace_configuration(Configuration configuration);
  net::SpoolerOptions watched_spooler_options();
  std::vector<std::string> host_ids() const;
  void fit_clients(std::string_view prefix);
  void look_after_files();
  void log_pid_file_trouble();
  void log_problems(const std::vector<core::Problem>& problems, std::string_view prefix);
  void stop(core::TimePoint until);

  const node::SettingsSources sources_;
  node::Settings settings_;
  const std::vector<core::Problem> start_problems_;  // of the settings
  core::HostTable hosts_;
  const std::chrono::system_clock::time_point started_at_ = std::chrono::system_clock::now();

  boost::asio::io_context io_{static_cast<int>(settings_.threads)};
  net::Strand strand_ = boost::asio::make_strand(io_);
  boost::asio::signal_set signals_{strand_, SIGTERM, SIGINT, SIGHUP};
  net::Timer refresh_timer_{strand_};
  boost::asio::thread_pool disk_{1};  // one thread: reading configuration, writing status
  PidFile pid_file_;
  node::Log log_{node::log_options(settings_)};
  DaemonLog daemon_log_{log_};
  net::Resolver resolver_;
  net::ConnectGate gate_{settings_.max_connecting};
  net::ClientLimit client_limit_{settings_.max_clients};
  net::Spooler spooler_{io_, watched_spooler_options(), log_};
  StatusLine status_line_{strand_, board_};
  PeerFleet fleet_{io_, strand_, {log_, resolver_, gate_, client_limit_, spooler_, &status_line_}};
  ProcessMetrics process_metrics_{strand_, started_at_};
  StatusBoard board_{strand_, *this};
  StatusWriter status_writer_{strand_, board_, disk_, settings_, daemon_log_};
  AdminEndpoint admin_endpoint_{
      io_, strand_, {*this, settings_, log_, daemon_log_, spooler_, board_, process_metrics_.registry()}};
  Watchdog watchdog_{strand_, board_};

  std::string pid_file_trouble_;  // the trouble already logged
  std::optional<core::TimePoint> swept_at_;
  std::optional<core::TimePoint> sweep_logged_at_;
  std::size_t unlogged_sweeps_ = 0;
  bool is_refresh_due_ = false;
  std::optional<Reload> reload_;  // in progress
  std::optional<Reload> next_reload_;  // the one after it
  bool is_stopping_ = false;
  bool is_over_ = false;
};

}  // namespace lonc::daemon
