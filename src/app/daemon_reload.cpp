// How the daemon takes new settings and hosts: what is read, what is refused, what is put in force.
#include <lonc/app/daemon.hpp>
#include <lonc/app/peer_configs.hpp>
#include <lonc/app/setting_table.hpp>
#include <lonc/core/text.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace lonc::app {

namespace {

// Why a reload must not be put in force; empty if it may.
std::string why_unusable(const Configuration& configuration) {
  if (!configuration.loaded.is_usable()) return "the settings can not be used";
  const HostTableFile& hosts = configuration.hosts;
  if (hosts.error) return hosts.path + " can not be read: " + hosts.error.message();
  if (hosts.table.hosts.empty()) return "there is no usable host in " + hosts.path;
  return {};
}

// What still changes after so long is believed by no reload.
std::error_code read_for_reload(const std::string& path, std::string& text) {
  return read_file_at_rest(path, text, std::chrono::seconds{5});
}

}  // namespace

Configuration read_configuration(const SettingsSources& sources, const ReadFile& read, const Settings* running) {
  Configuration configuration;
  configuration.loaded = load_settings(sources, read);
  if (!configuration.loaded.is_usable()) return configuration;
  Settings& settings = configuration.loaded.settings;
  if (running) configuration.needs_restart = keep_not_reloadable(*running, settings);
  configuration.hosts = read_host_table(settings, read);
  if (!configuration.hosts.error) {
    auto problems = settings_without_peer(configuration.loaded, configuration.hosts.table);
    std::ranges::move(problems, std::back_inserter(configuration.loaded.problems));
  }
  return configuration;
}

// An exception of `work` comes out of the event loop, as if it had been thrown there.
template <typename Result>
void Daemon::on_disk_thread(std::function<Result()> work, std::function<void(Result)> done) {
  boost::asio::post(disk_, [this, work = std::move(work), done = std::move(done)] {
    try {
      boost::asio::post(strand_, [done, result = std::make_shared<Result>(work())] { done(std::move(*result)); });
    } catch (...) {
      boost::asio::post(strand_, [error = std::current_exception()] { std::rethrow_exception(error); });
    }
  });
}

// When the daemon stops, whoever waits for the end of a reload is told so by the admin server.
void Daemon::reload(bool is_forced, ReloadDone done) {
  if (is_stopping_) return;
  next_is_forced_ = next_is_forced_ || is_forced;
  if (done) next_reload_done_.push_back(std::move(done));
  if (std::exchange(is_reloading_, true)) {
    reload_again_ = true;
    return;
  }
  is_forced_ = std::exchange(next_is_forced_, false);
  reload_done_ = std::exchange(next_reload_done_, {});
  service_manager_.reloading();
  on_disk_thread<Configuration>(
      [this, running = settings_] { return read_configuration(sources_, read_for_reload, &running); },
      [this](Configuration configuration) { put_in_force(std::move(configuration)); });
}

void Daemon::put_in_force(Configuration configuration) {
  is_reloading_ = false;
  if (is_stopping_) return;
  tell(configuration.loaded.problems, "HUP: ");
  ReloadResult result;
  if (std::string why = tell_unusable(configuration); !why.empty()) {
    result.error = std::move(why);
    result.problems = std::move(configuration.loaded.problems);
  } else {
    result = replace_configuration(std::move(configuration));
  }
  status_line_.ready();
  status_writer_.write();
  for (const ReloadDone& done : std::exchange(reload_done_, {})) done(result);
  if (std::exchange(reload_again_, false)) reload(false, {});
}

std::string Daemon::tell_unusable(const Configuration& configuration) {
  if (std::string why = why_unusable(configuration); !why.empty()) {
    parent_.write(core::Severity::warning, "HUP: " + why + "; nothing was changed: correct it and send HUP again");
    return why;
  }
  const std::string missing = core::missing_part(hosts_, configuration.hosts.table, settings_.host_id);
  if (missing.empty()) return {};
  if (is_forced_) {
    parent_.write(core::Severity::warning, "HUP: forced, although hosts.tab misses what was there: " + missing);
    return {};
  }
  std::string why = configuration.hosts.path + " looks like a part of the file: it misses " + missing +
                    ", which was there before; complete it, or, if it is right, call `loncctl reload --force`";
  parent_.write(core::Severity::critical, "HUP: nothing was changed: " + why);
  return why;
}

ReloadResult Daemon::replace_configuration(Configuration configuration) {
  for (const std::string& name : configuration.needs_restart)
    parent_.write(core::Severity::warning, "HUP: " + name + " has changed, which needs a restart");
  settings_ = std::move(configuration.loaded.settings);
  const auto removed = core::removed_ids(hosts_, configuration.hosts.table);
  hosts_ = std::move(configuration.hosts.table);
  tell(hosts_.problems, "HUP: ");
  log_.set_level(settings_.log_level);
  gate_.set_limit(settings_.max_connecting);
  status_writer_.set_interval(settings_.status_interval);
  fit_clients("HUP: ");
  const net::SpoolerOptions spool = spooler_options(settings_);
  spooler_.set_options(spool.spool, spool.rescan);
  spooler_.set_hosts(host_ids());
  const PeerFleet::Change change =
      fleet_.apply(peer_configs(settings_, hosts_), std::chrono::steady_clock::now() + settings_.drain_timeout);
  parent_.write(core::Severity::notice, "HUP: reloaded: " + core::counted(fleet_.size(), "peer") + ", " +
                                            std::to_string(change.added) + " added, " + std::to_string(change.removed) +
                                            " removed, " + std::to_string(change.replaced) + " replaced, " +
                                            std::to_string(change.adjusted) + " adjusted");
  if (!removed.empty()) parent_.write(core::Severity::notice, "HUP: no longer in hosts.tab: " + core::listed(removed));
  ReloadResult result{.error = {},
                      .problems = std::move(configuration.loaded.problems),
                      .peers = fleet_.size(),
                      .change = change,
                      .needs_restart = std::move(configuration.needs_restart)};
  result.problems.insert(result.problems.end(), hosts_.problems.begin(), hosts_.problems.end());
  return result;
}

}  // namespace lonc::app
