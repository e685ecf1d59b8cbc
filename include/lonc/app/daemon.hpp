// The running daemon: signals, reload, status files and the order of its stop. Peers are PeerFleet's business.
#pragma once

#include <lonc/app/administration.hpp>
#include <lonc/app/host_table_file.hpp>
#include <lonc/app/log.hpp>
#include <lonc/app/parent_log.hpp>
#include <lonc/app/peer_fleet.hpp>
#include <lonc/app/pid_file.hpp>
#include <lonc/app/process_metrics.hpp>
#include <lonc/app/reload_result.hpp>
#include <lonc/app/service_manager.hpp>
#include <lonc/app/settings_loader.hpp>
#include <lonc/app/status_board.hpp>
#include <lonc/app/status_files.hpp>
#include <lonc/app/status_line.hpp>
#include <lonc/app/status_writer.hpp>
#include <lonc/app/watchdog.hpp>
#include <lonc/net/client_limit.hpp>
#include <lonc/net/connect_gate.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/resolver.hpp>
#include <lonc/net/spooler.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::app {

// What a start or a reload reads.
struct Configuration {
  LoadedSettings loaded;
  HostTableFile hosts;                    // not read if the settings can not be used
  std::vector<std::string> needs_restart;  // changed settings that keep their running value
};

// `running`: the settings in force, for a reload.
Configuration read_configuration(const SettingsSources& sources, const ReadFile& read,
                                 const Settings* running = nullptr);

class Daemon {
 public:
  // Takes the signals: from here on none is lost, and none ends the process before it has cleaned up.
  Daemon(SettingsSources sources, Configuration configuration);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Pid file and all sockets. A text for the administrator when it can not start.
  std::optional<std::string> start();

  // Until TERM, INT or QUIT; the exit status.
  int run();

 private:
  std::optional<PidFileError> acquire_pid_file();
  void wait_for_signal();
  bool wait_for_disk_thread(std::chrono::milliseconds timeout);
  void on_signal(int signal);
  void sweep();
  void tell_of_sweep();
  void refresh_status_later();
  using ReloadDone = std::function<void(const ReloadResult&)>;
  // `done` comes when it is through; with what a reload that was begun after this call has found. Forced: also if
  // hosts.tab looks like half a file. Those that are asked for while one runs are made as one, forced if any is.
  void reload(bool is_forced, ReloadDone done);
  void put_in_force(Configuration configuration);
  // Why it must not be put in force; told in the log. Empty if it may.
  std::string tell_unusable(const Configuration& configuration);
  ReloadResult replace_configuration(Configuration configuration);
  net::SpoolerOptions watched_spooler_options();
  std::vector<std::string> host_ids() const;
  void fit_clients(std::string_view prefix);
  void look_after_files();
  void tell_of_pid_file();
  ParentReport report() const;
  template <typename Result>
  void on_disk_thread(std::function<Result()> work, std::function<void(Result)> done);
  void stop(core::TimePoint until);
  void drained();

  void tell(const std::vector<core::Problem>& problems, std::string_view prefix);

  const SettingsSources sources_;
  Settings settings_;
  const std::vector<core::Problem> start_problems_;  // of the settings
  core::HostTable hosts_;
  const std::chrono::system_clock::time_point started_at_;

  boost::asio::io_context io_;
  net::Strand strand_;
  boost::asio::signal_set signals_;
  net::Timer refresh_timer_;
  boost::asio::thread_pool disk_;  // one thread: reading configuration, writing status
  ServiceManager service_manager_;
  PidFile pid_file_;
  Log log_;
  ParentLog parent_;
  net::Resolver resolver_;
  net::ConnectGate gate_;
  net::ClientLimit client_limit_;
  net::Spooler spooler_;
  StatusLine status_line_;
  PeerFleet fleet_;
  ProcessMetrics process_metrics_;
  StatusBoard board_;
  StatusWriter status_writer_;
  Administration administration_;
  Watchdog watchdog_;

  std::string pid_file_trouble_;  // that has been told
  std::optional<core::TimePoint> swept_at_;
  std::optional<core::TimePoint> sweep_told_at_;
  std::size_t untold_sweeps_ = 0;
  bool is_refresh_due_ = false;
  bool is_reloading_ = false;
  bool reload_again_ = false;
  bool is_forced_ = false;                    // the reload that runs
  bool next_is_forced_ = false;               // the one after it
  std::vector<ReloadDone> reload_done_;       // of the reload that runs
  std::vector<ReloadDone> next_reload_done_;  // of the one after it
  bool is_stopping_ = false;
  bool is_over_ = false;
};

}  // namespace lonc::app
