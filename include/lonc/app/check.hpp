// Whether the daemon could start here and now, and the text of `lonc --check`. Changes nothing.
#pragma once

#include <lonc/app/host_table_file.hpp>
#include <lonc/app/settings_loader.hpp>
#include <lonc/core/problem.hpp>

#include <string>
#include <vector>

namespace lonc::app {

struct Findings {
  // In this order: settings, machine, hosts.tab.
  std::vector<core::Problem> problems;
  // Not the same as "no error among the problems": a bad line of hosts.tab is passed over.
  bool would_start = true;
};

// Settings, hosts.tab and what the machine has to offer: directories, user, group, descriptors. For --check and for
// the start of the daemon. `hosts` without a path was not read, which is not a finding.
Findings collect_problems(const LoadedSettings& loaded, const HostTableFile& hosts);

struct CheckReport {
  std::string text;
  bool would_start = false;
};

// Reads hosts.tab itself if `hosts` was not read, so that all problems are told at once.
CheckReport check(const LoadedSettings& loaded, const HostTableFile& hosts);

}  // namespace lonc::app
