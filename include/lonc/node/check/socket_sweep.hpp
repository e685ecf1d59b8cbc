// At startup, removes from the socket directory what earlier daemons left behind: sockets on which nobody listens,
// including unfinished ones (.lonc-*), and the lock files of the later Perl daemon, which make clients wait forever.
// The sockets of configured peers are left to their sessions.
#pragma once

#include <string>
#include <vector>

namespace lonc::node {

// Names from the directory are escaped for the log in both members.
struct SweepResult {
  std::vector<std::string> removed;   // names, sorted
  std::vector<std::string> problems;  // what could not be examined or removed, and why
};

// `peer_ids` are the configured ids, `peer_names` their DNS names. Blocks only on the file system.
SweepResult sweep_sockets(const std::string& directory, const std::vector<std::string>& peer_ids,
                          const std::vector<std::string>& peer_names);

// The names that a start would remove or replace, including those of configured peers; sorted. Changes nothing.
std::vector<std::string> find_abandoned(const std::string& directory, const std::vector<std::string>& peer_ids,
                                        const std::vector<std::string>& peer_names);

}  // namespace lonc::node
