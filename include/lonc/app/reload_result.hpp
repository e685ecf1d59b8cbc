// What came of a reload, for whoever asked for it.
#pragma once

#include <lonc/app/peer_fleet.hpp>
#include <lonc/core/problem.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace lonc::app {

struct ReloadResult {
  std::string error;  // why nothing was changed; empty if it is in force
  std::vector<core::Problem> problems;
  std::size_t peers = 0;
  PeerFleet::Change change;
  std::vector<std::string> needs_restart;  // settings that have changed and keep their running value
};

}  // namespace lonc::app
