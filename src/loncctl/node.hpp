// The node that loncctl looks after: its settings, its directory of delayed messages, and the user who owns that.
#pragma once

#include "options.hpp"

#include <lonc/app/settings.hpp>
#include <lonc/core/host_table.hpp>

#include <string>

namespace lonc::ctl {

struct Node {
  app::Settings settings;
  std::string delayed;       // the directory of delayed messages
  std::string admin_socket;  // path
};

// Throws Failure when the settings can not be used.
Node find_node(const Options& options);

// The same of settings that can be used.
Node node_of(app::Settings settings);

// All hosts that lonc serves. Throws Failure when the table can not be read.
core::HostTable read_hosts(const app::Settings& settings);

// Nothing if there is none of this id.
const core::Host* find_host(const core::HostTable& hosts, const std::string& id);

// Throws Failure(no_match) if there is no host of this id.
void check_host(const app::Settings& settings, const std::string& id);

// Called as root: goes on as the owner of the directory, for good, so that lonc can use every file that is made.
// Throws Failure if there is no directory.
void become_owner(const std::string& directory);

// Called as root: goes on as this user, for good. Throws Failure if that is not possible.
void become_user(const std::string& name);

}  // namespace lonc::ctl
