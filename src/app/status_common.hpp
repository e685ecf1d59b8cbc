// What both renderings of the status need.
#pragma once

#include <lonc/app/log_line.hpp>
#include <lonc/net/peer_report.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::app {

// Ten thousand reports are not copied for that.
inline std::vector<const net::PeerReport*> sorted_by_id(const std::vector<net::PeerReport>& peers) {
  std::vector<const net::PeerReport*> sorted;
  sorted.reserve(peers.size());
  for (const net::PeerReport& peer : peers) sorted.push_back(&peer);
  std::ranges::sort(sorted, {}, [](const net::PeerReport* peer) { return std::string_view(peer->status.peer_id); });
  return sorted;
}

// As it stands in the log, where WARNING and its like are part of the message.
template <typename Report>
std::string last_message(const Report& report) {
  if (report.last_log.empty()) return {};
  return std::string(severity_prefix(report.last_log_severity)) + report.last_log;
}

}  // namespace lonc::app
