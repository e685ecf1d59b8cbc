// Findings about the peers, by going to the lond of each that the daemon has no connection to: names that do not
// resolve, ports that do not answer, handshakes that fail.
#pragma once

#include "status_document.hpp"

#include <lonc/app/settings.hpp>
#include <lonc/core/host_table.hpp>
#include <lonc/core/problem.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace lonc::ctl {

struct PeerFindings {
  std::vector<core::Problem> problems;
  std::size_t visited = 0;
  std::vector<core::Host> reachable;  // connected to the daemon, or found well by the visit
};

// `status` is that of the running daemon, if there is one. `timeout` is for each step of a visit.
PeerFindings check_peers(const app::Settings& settings, const core::HostTable& hosts,
                         const std::optional<StatusDocument>& status, std::chrono::milliseconds timeout);

// What a visit says about a peer; `known` is what the daemon has of it. Pure.
std::optional<core::Problem> judge_visit(const core::Host& host, const std::string& place, std::error_code error,
                                         const std::string& step, const PeerState* known);

}  // namespace lonc::ctl
