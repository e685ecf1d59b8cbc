#include <lonc/node/config/peer_configs.hpp>

#include <lonc/core/base/text.hpp>

#include <sys/un.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace lonc::node {

namespace {

// A server may have several ids, and its lond answers with one of them.
bool is_same_machine(const core::Host& host, const core::Host& own) {
  return host.id == own.id || (!host.address.empty() && host.address == own.address) ||
         (host.address.empty() && own.address.empty() && host.name == own.name);
}

}  // namespace

HostTableFile read_host_table(const Settings& settings, const os::ReadFile& read) {
  HostTableFile file;
  file.path = settings.tab_dir + "/hosts.tab";
  std::string text;
  file.error = read(file.path, text);
  if (file.error) return file;
  file.table = core::parse_host_table(text, file.path,
                                      {.own_id = settings.host_id,
                                       .resolve_without_ip = settings.hosts_without_ip == HostsWithoutIp::resolve,
                                       .longest_id = longest_host_id(settings.socket_dir)});
  return file;
}

std::size_t longest_host_id(std::string_view socket_dir) {
  constexpr std::size_t room = sizeof(sockaddr_un::sun_path) - 1;  // a NUL ends the path
  const auto used = socket_dir.size() + 1;
  return used < room ? room - used : 0;
}

net::SpoolerOptions spooler_options(const Settings& settings) {
  net::SpoolerOptions options{.directory = settings.socket_dir + "/delayed",
                              .permanent_log = settings.daemon_dir + "/logs/lonnet.perm.log",
                              .delayed = settings.delayed};
  options.delayed.spool.line_limit = settings.peer.engine.max_line_length;
  return options;
}

std::vector<net::PeerConfig> peer_configs(const Settings& settings, const core::HostTable& hosts) {
  std::vector<net::PeerConfig> configs;
  configs.reserve(hosts.hosts.size());
  const auto own = std::ranges::find(hosts.hosts, settings.host_id, &core::Host::id);
  for (const core::Host& host : hosts.hosts) {
    const bool has_own = settings.of_peers.contains(host.id);
    net::PeerConfig& config = configs.emplace_back(has_own ? settings_of(settings, host.id).peer : settings.peer);
    config.engine.peer_id = host.id;
    config.engine.own_id = settings.host_id;
    config.engine.is_this_server = own != hosts.hosts.end() && is_same_machine(host, *own);
    config.name = host.name;
    config.address = host.address;
    config.socket_path = settings.socket_dir + "/" + host.id;
  }
  return configs;
}

std::vector<core::Problem> settings_without_peer(const LoadedSettings& loaded, const core::HostTable& hosts) {
  std::vector<core::Problem> problems;
  std::unordered_set<std::string_view> ids;
  for (const core::Host& host : hosts.hosts) ids.insert(host.id);
  for (const auto& [id, values] : loaded.settings.of_peers) {
    if (ids.contains(id)) continue;
    const Origin& origin = loaded.origins.at(origin_key(id, ""));
    problems.push_back(
        {core::Problem::Kind::warning, origin.file, origin.line,
         "there are settings for the peer \"" + core::escape_outside_text(id) + "\", which is not in hosts.tab",
         "correct the id, or remove them"});
  }
  return problems;
}

}  // namespace lonc::node
