// From settings and hosts.tab to what each peer's session is given.
#pragma once

#include <lonc/app/settings_loader.hpp>
#include <lonc/core/host_table.hpp>
#include <lonc/net/peer_session.hpp>
#include <lonc/net/spooler.hpp>

#include <vector>

namespace lonc::app {

// In the order of hosts.tab; ids are unique.
std::vector<net::PeerConfig> peer_configs(const Settings& settings, const core::HostTable& hosts);

// A warning for each peer that settings were given for and that is not in hosts.tab.
std::vector<core::Problem> settings_without_peer(const LoadedSettings& loaded, const core::HostTable& hosts);

net::SpoolerOptions spooler_options(const Settings& settings);

// A session can not change these in place: host name, address, port, socket, or either id.
bool needs_new_session(const net::PeerConfig& before, const net::PeerConfig& after);

}  // namespace lonc::app
