// Reads hosts.tab as the settings specify, and builds the configuration of each peer's session from both.
#pragma once

#include <lonc/core/hosts/host_table.hpp>
#include <lonc/net/session/peer_session.hpp>
#include <lonc/net/spool/spooler.hpp>
#include <lonc/node/config/settings_loader.hpp>
#include <lonc/os/files.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace lonc::node {

struct HostTableFile {
  std::string path;
  std::error_code error;  // the file cannot be read, `table` is empty
  core::HostTable table;
};

HostTableFile read_host_table(const Settings& settings, const os::ReadFile& read = os::read_file);

// The most bytes an id may have so that `socket_dir`, a slash and the id fit in a UNIX socket path; 0 if none fit.
std::size_t longest_host_id(std::string_view socket_dir);

// In the order of hosts.tab; ids are unique.
std::vector<net::PeerConfig> peer_configs(const Settings& settings, const core::HostTable& hosts);

// A warning for each peer that has settings of its own but is not in hosts.tab.
std::vector<core::Problem> settings_without_peer(const LoadedSettings& loaded, const core::HostTable& hosts);

net::SpoolerOptions spooler_options(const Settings& settings);

}  // namespace lonc::node
