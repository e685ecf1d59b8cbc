// Findings about lonc's directories and files beyond what its start needs (app/check.hpp): who else may write there,
// what was left behind, times that lie ahead of the clock. Changes nothing.
#pragma once

#include "age.hpp"
#include "node.hpp"

#include <lonc/core/problem.hpp>

#include <vector>

namespace lonc::ctl {

std::vector<core::Problem> check_modes(const Node& node);

// Sockets on which nobody listens, and lock files of the Perl daemon.
std::vector<core::Problem> check_leftovers(const Node& node, const core::HostTable& hosts);

// Files that were changed more than a minute after `now`: the clock has been put back, or is behind.
std::vector<core::Problem> check_file_times(const Node& node, WallTime now);

}  // namespace lonc::ctl
