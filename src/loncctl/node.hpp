// The node that loncctl looks after: its settings, its directory of delayed messages, and the user who owns that.
#pragma once

#include "options.hpp"

#include <lonc/app/settings.hpp>

#include <string>

namespace lonc::ctl {

struct Node {
  app::Settings settings;
  std::string delayed;       // the directory of delayed messages
  std::string admin_socket;  // path
};

// Throws Failure when the settings can not be used.
Node find_node(const Options& options);

// Called as root: goes on as the owner of the directory, for good, so that lonc can use every file that is made.
// Throws Failure if there is no directory.
void become_owner(const std::string& directory);

}  // namespace lonc::ctl
