// Checks whether the daemon could start here and now: its settings, and whether the machine meets their needs. Also
// produces the text of `lonc --check`. Changes nothing, except for the limit that raise_descriptor_limit() raises.
#pragma once

#include <lonc/core/base/error.hpp>
#include <lonc/node/config/peer_configs.hpp>
#include <lonc/node/config/settings.hpp>
#include <lonc/node/config/settings_loader.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace lonc::node {

struct Findings {
  // In this order: settings, machine, hosts.tab.
  std::vector<core::Problem> problems;
  // Not the same as "no error among the problems": a bad line of hosts.tab is an error, but is skipped.
  bool would_start = true;
};

// Checks the settings, hosts.tab and the machine (directories, user, group, descriptors). For --check and for the start
// of the daemon. An empty path in `hosts` means that it was not read, which is not a finding.
Findings collect_problems(const LoadedSettings& loaded, const HostTableFile& hosts);

struct CheckReport {
  std::string text;
  bool would_start = false;
};

// Reads hosts.tab itself if `hosts` was not read, so that all problems are reported at once.
CheckReport check(const LoadedSettings& loaded, const HostTableFile& hosts);

// Checks the machine: directories, user, group, descriptors. An error means that the daemon could not work.
std::vector<core::Problem> check_machine(const LoadedSettings& loaded, std::size_t peers);

// lonc shares files and sockets with the web server and therefore runs as the same user. Nothing if `effective` is the
// uid of settings.user.
std::optional<core::Problem> check_user(const Settings& settings, uid_t effective);

// The limit of file descriptors; every socket is one. raise_descriptor_limit() raises the soft limit to the hard one.
// `limit` is the one in effect afterwards; after an error, the old one.
struct DescriptorLimit {
  std::size_t limit = 0;
  std::error_code error;
};
DescriptorLimit raise_descriptor_limit();

// Whether the configured peers and clients fit.
struct DescriptorFit {
  std::size_t needed = 0;  // for all that the settings allow
  unsigned clients = 0;  // max_clients, or as many as fit
  // Error: not even the peers fit. Warning: fewer clients than configured fit.
  std::optional<core::Problem> problem{};
};
DescriptorFit fit_descriptors(std::size_t limit, std::size_t peers, const Settings& settings);

}  // namespace lonc::node
