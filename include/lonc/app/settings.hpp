// All settings of lonc as checked values. How they are named, read and explained: setting_table.hpp.
#pragma once

#include <lonc/core/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace lonc::app {

enum class HostsWithoutIp { skip, resolve };
// `automatic`: the file, and systemd's journal where that is what standard error leads to.
enum class LogTarget { automatic, file, standard_error, both, journal };

struct Settings {
  // The node. PerlSetVar names in setting_table.cpp.
  std::string host_id;
  std::string socket_dir = "/home/httpd/sockets";
  std::string daemon_dir = "/home/httpd/perl";  // pid file and logs are in its logs/
  std::string tab_dir = "/home/httpd/lonTabs";  // holds hosts.tab
  std::string doc_root = "/home/httpd/html";    // the status files are in its lon-status/
  std::uint16_t lond_port = 5663;
  std::string adm_email;
  std::string sys_email;

  // The process.
  std::string user = "www";
  unsigned socket_mode = 0600;
  std::string socket_group;  // empty: the process's own
  std::string sendmail = "/usr/sbin/sendmail";
  unsigned threads = 1;
  std::string admin_socket;   // empty: lonc.admin beside the pid file
  std::string admin_group;    // empty: nobody but root and the own user
  std::string admin_address;  // of this machine, with a port; empty: no TCP
  core::Duration status_interval = std::chrono::seconds{30};  // zero: only when asked

  // Peers.
  HostsWithoutIp hosts_without_ip = HostsWithoutIp::skip;
  core::Duration resolve_timeout = std::chrono::seconds{5};
  core::Duration connect_wait = std::chrono::seconds{5};
  core::Duration connect_timeout = std::chrono::seconds{10};
  core::Duration pong_timeout = std::chrono::seconds{60};
  core::Duration request_timeout = std::chrono::seconds{300};
  core::Duration idle_timeout = std::chrono::seconds{60};
  core::Duration exit_timeout = std::chrono::seconds{2};
  core::Duration drain_timeout = std::chrono::seconds{10};
  core::Duration backoff_first = std::chrono::seconds{1};
  core::Duration backoff_longest = std::chrono::seconds{60};
  core::Duration keepalive_idle = std::chrono::seconds{60};
  core::Duration keepalive_interval = std::chrono::seconds{10};
  unsigned keepalive_count = 3;
  core::Duration tcp_user_timeout = std::chrono::seconds{30};
  unsigned min_connections = 1;
  unsigned max_connections = 10;
  unsigned max_attempts = 0;  // 0: never give up
  unsigned pipeline_depth = 64;
  std::string pipeline_safe = "chatretr, eget, get, home, idget, keys, load, ls, ls2, ping, restore, tmpget, userload";
  core::Duration pipeline_trust = std::chrono::minutes{10};
  unsigned max_connecting = 256;

  // Delayed messages.
  core::Duration delayed_min_age = std::chrono::seconds{5};
  core::Duration delayed_first = std::chrono::seconds{2};  // max(): strict
  core::Duration delayed_timeout = std::chrono::seconds{60};
  core::Duration delayed_rescan = std::chrono::minutes{1};
  unsigned delayed_max_attempts = 5;
  unsigned delayed_sync_batch = 32;

  // Limits.
  unsigned max_clients = 4096;  // all peers together
  unsigned max_queue = 10'000;  // per peer
  std::size_t max_line_length = 16 * 1024 * 1024;
  std::size_t max_client_memory = 256 * 1024 * 1024;  // all peers together

  // Log.
  core::Severity log_level = core::Severity::notice;
  LogTarget log_target = LogTarget::automatic;
  unsigned log_queue = 8192;  // lines that wait for the disk

  // What is another value for one peer: by host id, by name of the setting, as Setting::get() would write it.
  std::map<std::string, std::map<std::string, std::string>> of_peers;

  bool operator==(const Settings&) const = default;
};

}  // namespace lonc::app
