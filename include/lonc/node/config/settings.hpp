// All settings of lonc as checked values, in the structs of the layers that use them, and the table that defines how
// they are named, parsed and documented: `--help`, `--check` and lonc.conf(5) are generated from it. Reads no files;
// settings_loader.hpp does.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/net/settings.hpp>
#include <lonc/node/log/log.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::node {

enum class HostsWithoutIp { skip, resolve };

struct Settings {
  // The node. The PerlSetVar names are in setting_table.cpp.
  std::string host_id;
  std::string socket_dir = "/home/httpd/sockets";
  std::string daemon_dir = "/home/httpd/perl";  // pid file and logs are in its logs/
  std::string tab_dir = "/home/httpd/lonTabs";  // holds hosts.tab
  std::string doc_root = "/home/httpd/html";  // the status files are in its lon-status/
  std::string adm_email;
  std::string sys_email;

  // The process.
  std::string user = "www";
  std::string sendmail = "/usr/sbin/sendmail";
  unsigned threads = 1;
  std::string admin_socket;  // empty: lonc.admin next to the pid file
  std::string admin_group;  // empty: only root and the daemon's user
  std::string admin_address;  // of this machine, with a port; empty: no TCP
  core::Duration status_interval = std::chrono::seconds{30};  // zero: only on request

  // Peers.
  HostsWithoutIp hosts_without_ip = HostsWithoutIp::skip;
  core::Duration drain_timeout = std::chrono::seconds{10};
  unsigned max_connecting = 256;
  net::PeerConfig peer;  // of each peer; peer_configs() fills in what differs between peers
  net::DelayedSettings delayed;  // `line_limit` is filled in by spooler_options()

  // Limits.
  unsigned max_clients = 4096;  // all peers together
  std::size_t max_client_memory = 256 * 1024 * 1024;  // all peers together

  LogOptions log;  // the path is filled in by log_options()

  // Values set for single peers: by host id, then by setting name, in the form that Setting::get() returns.
  std::map<std::string, std::map<std::string, std::string>> of_peers;

  bool operator==(const Settings&) const = default;
};

struct Setting {
  std::string name;     // kebab-case, as in lonc.conf
  std::string alias;    // its PerlSetVar name; empty if it has none
  std::string group;    // heading under which it is documented
  std::string accepts;  // the kind of value, with its range: "a duration from 1s to 1h"
  bool reloadable;      // SIGHUP applies a new value
  bool per_peer;        // may be set for a single peer
  std::string help;     // full sentences
  std::function<bool(Settings&, std::string_view text)> set;  // false and no change if invalid
  std::function<std::string(const Settings&)> get;            // in a form that set() accepts
  std::string default_text;
};

// In the order in which they are documented.
const std::vector<Setting>& setting_table();

// By name or alias, spelled exactly as in the table; null if there is none.
const Setting* find_setting(std::string_view name_or_alias);

// By alias only; for reading PerlSetVar files.
const Setting* find_setting_by_alias(std::string_view alias);

// The name or alias that was probably meant; empty if none is close enough.
std::string_view nearest_setting_name(std::string_view name);

// The settings that apply to one peer, in `peer`: its own values override the common ones. Copies nothing else of
// `settings`, as this is called for many peers in a row.
Settings settings_of(const Settings& settings, const std::string& peer_id);

// For a reload: resets the settings that are not reloadable to their values in `running`, and returns the names of
// those that would have changed.
std::vector<std::string> keep_not_reloadable(const Settings& running, Settings& loaded);

// The values of log-level.
std::optional<core::Severity> parse_log_level(std::string_view word);
std::string log_level_word(core::Severity level);
std::string log_level_words();  // "one of debug, info, ..."

}  // namespace lonc::node
