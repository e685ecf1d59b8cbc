#include <lonc/app/peer_configs.hpp>

#include <lonc/app/setting_table.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>

namespace lonc::app {

namespace {

core::PeerSettings engine_settings(const Settings& settings, const core::Host& host) {
  core::PeerSettings engine;
  engine.peer_id = host.id;
  engine.own_id = settings.host_id;
  engine.connect_wait = settings.connect_wait;
  engine.connect_timeout = settings.connect_timeout;
  engine.pong_timeout = settings.pong_timeout;
  engine.request_timeout = settings.request_timeout;
  engine.idle_timeout = settings.idle_timeout;
  engine.exit_timeout = settings.exit_timeout;
  engine.backoff_first = settings.backoff_first;
  engine.backoff_longest = settings.backoff_longest;
  engine.min_connections = settings.min_connections;
  engine.max_connections = settings.max_connections;
  engine.max_queue = settings.max_queue;
  engine.max_line_length = settings.max_line_length;
  engine.max_attempts = settings.max_attempts;
  engine.delayed_first = settings.delayed_first;
  engine.delayed_timeout = settings.delayed_timeout;
  engine.delayed_max_attempts = settings.delayed_max_attempts;
  engine.pipeline_depth = settings.pipeline_depth;
  engine.pipeline_trust = settings.pipeline_trust;
  return engine;
}

// A server may have several ids, and its lond answers with one of them.
bool is_same_machine(const core::Host& host, const core::Host& own) {
  return host.id == own.id || (!host.address.empty() && host.address == own.address) ||
         (host.address.empty() && own.address.empty() && host.name == own.name);
}

core::CommandSet pipeline_safe_of(const Settings& settings) {
  // It was checked when it was set.
  return core::CommandSet::parse(settings.pipeline_safe).value_or(core::CommandSet());
}

net::PeerConfig peer_config(const Settings& settings, const core::Host& host, const core::CommandSet& pipeline_safe) {
  net::PeerConfig config;
  config.engine = engine_settings(settings, host);
  config.engine.pipeline_safe = pipeline_safe;
  config.name = host.name;
  config.address = host.address;
  config.port = settings.lond_port;
  config.resolve_timeout = settings.resolve_timeout;
  config.keep_alive = {.idle = settings.keepalive_idle,
                       .interval = settings.keepalive_interval,
                       .count = settings.keepalive_count,
                       .user_timeout = settings.tcp_user_timeout};
  config.socket_path = settings.socket_dir + "/" + host.id;
  config.socket_mode = settings.socket_mode;
  config.socket_group = settings.socket_group;
  return config;
}

}  // namespace

net::SpoolerOptions spooler_options(const Settings& settings) {
  return {.directory = settings.socket_dir + "/delayed",
          .permanent_log = settings.daemon_dir + "/logs/lonnet.perm.log",
          .spool = {.line_limit = settings.max_line_length,
                    .min_age = settings.delayed_min_age,
                    .batch = settings.delayed_sync_batch},
          .rescan = settings.delayed_rescan};
}

std::vector<net::PeerConfig> peer_configs(const Settings& settings, const core::HostTable& hosts) {
  std::vector<net::PeerConfig> configs;
  configs.reserve(hosts.hosts.size());
  const auto pipeline_safe = pipeline_safe_of(settings);
  const auto own = std::ranges::find(hosts.hosts, settings.host_id, &core::Host::id);
  for (const core::Host& host : hosts.hosts) {
    if (settings.of_peers.contains(host.id)) {
      const Settings of_peer = settings_of(settings, host.id);
      configs.push_back(peer_config(of_peer, host, pipeline_safe_of(of_peer)));
    } else {
      configs.push_back(peer_config(settings, host, pipeline_safe));
    }
    configs.back().engine.is_this_server = own != hosts.hosts.end() && is_same_machine(host, *own);
  }
  return configs;
}

std::vector<core::Problem> settings_without_peer(const LoadedSettings& loaded, const core::HostTable& hosts) {
  std::vector<core::Problem> problems;
  for (const auto& [id, values] : loaded.settings.of_peers) {
    if (std::ranges::find(hosts.hosts, id, &core::Host::id) != hosts.hosts.end()) continue;
    const Origin& origin = loaded.origins.at(origin_key(id, ""));
    problems.push_back(
        {core::Problem::Kind::warning, origin.file, origin.line,
         "there are settings for the peer \"" + core::escape_outside_text(id) + "\", which is not in hosts.tab",
         "correct the id, or remove them"});
  }
  return problems;
}

bool needs_new_session(const net::PeerConfig& before, const net::PeerConfig& after) {
  return before.engine.peer_id != after.engine.peer_id || before.engine.own_id != after.engine.own_id ||
         before.name != after.name || before.address != after.address || before.port != after.port ||
         before.socket_path != after.socket_path || before.socket_mode != after.socket_mode ||
         before.socket_group != after.socket_group;
}

}  // namespace lonc::app
