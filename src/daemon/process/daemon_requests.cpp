// What the daemon does on request, by a signal or by an administrator. Reloads: what is read, what is refused, and how
// the rest is applied.
#include "daemon/process/daemon.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/config/peer_configs.hpp>
#include <lonc/node/config/settings.hpp>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <csignal>
#include <exception>
#include <iterator>
#include <utility>

namespace lonc::daemon {

namespace {

using enum core::Severity;

// Every worker that finds a peer dead sends SIGUSR1. Signals within this time are merged into one sweep and one status.
constexpr std::chrono::seconds sweep_interval{2};
constexpr std::chrono::minutes sweep_log_interval{1};

core::TimePoint now() { return std::chrono::steady_clock::now(); }

// Why a reload must not be applied; empty if it may.
std::string why_unusable(const Configuration& configuration) {
  if (!configuration.loaded.is_usable()) return "the settings cannot be used";
  const node::HostTableFile& hosts = configuration.hosts;
  if (hosts.error) return hosts.path + " cannot be read: " + hosts.error.message();
  if (hosts.table.hosts.empty()) return "there is no usable host in " + hosts.path;
  return {};
}

// A reload fails if the file is still changing after this time.
std::error_code read_for_reload(const std::string& path, std::string& text) {
  return os::read_file_at_rest(path, text, std::chrono::seconds{5});
}

}  // namespace

void Daemon::on_signal(int signal) {
  switch (signal) {
    case SIGUSR1:
      return sweep();
    case SIGHUP:
    case SIGUSR2:  // meant "the hosts have changed" to loncnew, and scripts may confuse lonc with lond
      return reload(false, {});
    case SIGQUIT:
      daemon_log_.write(warning, "QUIT: stopping at once; requests in flight get con_lost");
      return stop(now());
    default:
      daemon_log_.write(routine, is_stopping_ ? "Shutting down at once" : "Shutting down");
      return stop(is_stopping_ ? now() : now() + settings_.drain_timeout);
  }
}

void Daemon::sweep() {
  if (is_stopping_) return;
  if (swept_at_ && now() < *swept_at_ + sweep_interval) return refresh_status_later();
  swept_at_ = now();
  // Limits the number of log lines: while peers are dead, workers may send the signal for hours.
  if (sweep_logged_at_ && now() < *sweep_logged_at_ + sweep_log_interval) {
    ++unlogged_sweeps_;
  } else {
    sweep_logged_at_ = now();
    std::string text = "USR1: Trying to establish connections again";
    if (const std::size_t unlogged = std::exchange(unlogged_sweeps_, 0); unlogged > 0)
      text += "; also " + core::counted(unlogged, "time") + " since this was last logged";
    daemon_log_.write(routine, text);
  }
  fleet_.sweep();
  status_writer_.write();
}

// A signal merged into the last sweep still leads to a fresh status, at the end of the sweep interval.
void Daemon::refresh_status_later() {
  if (std::exchange(is_refresh_due_, true)) return;
  refresh_timer_.expires_at(*swept_at_ + sweep_interval);
  refresh_timer_.async_wait([this](const boost::system::error_code& error) {
    is_refresh_due_ = false;
    if (!error && !is_stopping_) status_writer_.write();
  });
}

void Daemon::ask_readiness(std::function<void(const std::string&)> done) {
  boost::asio::post(strand_, [this, done = std::move(done)] { done(why_not_ready()); });
}

std::string Daemon::why_not_ready() const {
  if (is_stopping_) return "lonc is shutting down";
  const auto missing = fleet_.without_socket();
  return missing.empty() ? std::string() : "there is no socket for " + core::listed(missing) + "; lonc tries again";
}

void Daemon::reconnect(PeerChoice choice, PeersDoneHandler done) {
  boost::asio::post(strand_, [this, choice = std::move(choice), done = std::move(done)] {
    if (const auto refused = refuse(choice)) return done(*refused);
    const std::size_t count = choice.is_all ? fleet_.reconnect() : choice.ids.size();
    for (const std::string& id : choice.ids) fleet_.resume(id);
    daemon_log_.write(routine,
                      "Trying to establish connections again, as requested by an administrator: " +
                          (choice.is_all ? "all peers" : core::listed({choice.ids.begin(), choice.ids.end()})));
    done({.done = count});
    status_writer_.write();
  });
}

// Each session logs this itself.
void Daemon::drain(PeerChoice choice, PeersDoneHandler done) {
  boost::asio::post(strand_, [this, choice = std::move(choice), done = std::move(done)] {
    if (const auto refused = refuse(choice)) return done(*refused);
    const core::TimePoint until = now() + settings_.drain_timeout;
    for (const std::string& id : choice.ids) fleet_.pause(id, until);
    done({.done = choice.ids.size()});
    status_writer_.write();
  });
}

std::optional<PeersDone> Daemon::refuse(const PeerChoice& choice) const {
  if (is_stopping_) return PeersDone{.is_stopping = true};
  const auto unknown = std::ranges::find_if(choice.ids, [this](const auto& id) { return !fleet_.has(id); });
  return unknown == choice.ids.end() ? std::nullopt : std::optional(PeersDone{.unknown = *unknown});
}

void Daemon::set_log_level(core::Severity level, std::function<void()> done) {
  boost::asio::post(strand_, [this, level, done = std::move(done)] {
    log_.set_level(level);
    daemon_log_.write(
        routine, "The log level is " + node::log_level_word(level) + " until the next reload, set by an administrator");
    done();
  });
}

Configuration read_configuration(const node::SettingsSources& sources, const os::ReadFile& read,
                                 const node::Settings* running) {
  Configuration configuration;
  configuration.loaded = node::load_settings(sources, read);
  if (!configuration.loaded.is_usable()) return configuration;
  node::Settings& settings = configuration.loaded.settings;
  if (running) configuration.needs_restart = node::keep_not_reloadable(*running, settings);
  configuration.hosts = node::read_host_table(settings, read);
  if (!configuration.hosts.error) {
    auto problems = node::settings_without_peer(configuration.loaded, configuration.hosts.table);
    std::ranges::move(problems, std::back_inserter(configuration.loaded.problems));
  }
  return configuration;
}

// When the daemon stops, `done` is not called: the admin server answers the clients that wait for a reload.
void Daemon::reload(bool is_forced, ReloadDone done) {
  boost::asio::dispatch(strand_, [this, is_forced, done = std::move(done)]() mutable {
    if (is_stopping_) return;
    if (!next_reload_) next_reload_ = Reload{};
    next_reload_->is_forced = next_reload_->is_forced || is_forced;
    if (done) next_reload_->done.push_back(std::move(done));
    if (!reload_) begin_reload();
  });
}

// Rethrows an exception in the event loop.
void Daemon::begin_reload() {
  reload_ = std::exchange(next_reload_, std::nullopt);
  service_manager::reloading();
  boost::asio::post(disk_, [this, running = settings_] {
    try {
      boost::asio::post(strand_, [this, read = read_configuration(sources_, read_for_reload, &running)]() mutable {
        put_in_force(std::move(read));
      });
    } catch (...) {
      boost::asio::post(strand_, [error = std::current_exception()] { std::rethrow_exception(error); });
    }
  });
}

void Daemon::put_in_force(Configuration configuration) {
  const Reload reload = *std::exchange(reload_, std::nullopt);
  if (is_stopping_) return;
  log_problems(configuration.loaded.problems, "HUP: ");
  ReloadResult result;
  if (std::string why = refuse(configuration, reload.is_forced); !why.empty()) {
    result.error = std::move(why);
    result.problems = std::move(configuration.loaded.problems);
  } else {
    result = replace_configuration(std::move(configuration));
  }
  status_line_.ready();
  status_writer_.write();
  for (const ReloadDone& done : reload.done) done(result);
  if (next_reload_ && !reload_) begin_reload();
}

std::string Daemon::refuse(const Configuration& configuration, bool is_forced) {
  if (std::string why = why_unusable(configuration); !why.empty()) {
    daemon_log_.write(warning, "HUP: " + why + "; nothing was changed: correct it and send HUP again");
    return why;
  }
  const std::string missing = core::missing_part(hosts_, configuration.hosts.table, settings_.host_id);
  if (missing.empty()) return {};
  if (is_forced) {
    daemon_log_.write(warning, "HUP: forced, although hosts.tab lacks what was there before: " + missing);
    return {};
  }
  std::string why = configuration.hosts.path + " looks incomplete: it lacks " + missing +
                    ", which was there before; complete it, or, if it is right, call `loncctl reload --force`";
  daemon_log_.write(critical, "HUP: nothing was changed: " + why);
  return why;
}

ReloadResult Daemon::replace_configuration(Configuration configuration) {
  for (const std::string& name : configuration.needs_restart)
    daemon_log_.write(warning, "HUP: " + name + " has changed, which takes effect after a restart");
  settings_ = std::move(configuration.loaded.settings);
  const auto removed = core::removed_ids(hosts_, configuration.hosts.table);
  hosts_ = std::move(configuration.hosts.table);
  log_problems(hosts_.problems, "HUP: ");
  log_.set_level(settings_.log.level);
  gate_.set_limit(settings_.max_connecting);
  status_writer_.set_interval(settings_.status_interval);
  fit_clients("HUP: ");
  spooler_.set_options(node::spooler_options(settings_).delayed);
  spooler_.set_hosts(host_ids());
  const PeerFleet::Change change = fleet_.apply(node::peer_configs(settings_, hosts_), now() + settings_.drain_timeout);
  daemon_log_.write(routine, "HUP: reloaded: " + core::counted(fleet_.size(), "peer") + ", " +
                                 std::to_string(change.added) + " added, " + std::to_string(change.removed) +
                                 " removed, " + std::to_string(change.moved) + " moved, " +
                                 std::to_string(change.adjusted) + " adjusted");
  if (!removed.empty()) daemon_log_.write(routine, "HUP: no longer in hosts.tab: " + core::listed(removed));
  ReloadResult result{.error = {},
                      .problems = std::move(configuration.loaded.problems),
                      .peers = fleet_.size(),
                      .change = change,
                      .needs_restart = std::move(configuration.needs_restart)};
  result.problems.insert(result.problems.end(), hosts_.problems.begin(), hosts_.problems.end());
  return result;
}

}  // namespace lonc::daemon
