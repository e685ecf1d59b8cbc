// Clears the socket directory at start of what earlier daemons left there: sockets that nobody listens on, half-made
// ones (.lonc-*) among them, and the later Perl daemon's lock files, which make clients wait for ever. The sockets of
// configured peers are left to their sessions.
#pragma once

#include <string>
#include <vector>

namespace lonc::app {

// Names from the directory are escaped for the log in both.
struct SweepResult {
  std::vector<std::string> removed;   // names, sorted
  std::vector<std::string> problems;  // what could not be looked at or removed, and why
};

// `peer_ids` are the configured ids, `peer_names` their DNS names. Blocks on the file system only.
SweepResult sweep_sockets(const std::string& directory, const std::vector<std::string>& peer_ids,
                          const std::vector<std::string>& peer_names);

// The names that a start would clear or replace, those of configured peers among them; sorted. Changes nothing.
std::vector<std::string> find_abandoned(const std::string& directory, const std::vector<std::string>& peer_ids,
                                        const std::vector<std::string>& peer_names);

}  // namespace lonc::app
