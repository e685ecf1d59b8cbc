// What `loncctl status` and `loncctl top` show of a status. Pure: texts from values.
#pragma once

#include "status_document.hpp"
#include "table.hpp"

#include <string>
#include <vector>

namespace lonc::ctl {

// "37 peers: 35 up, 2 away"
std::string head_line(const std::vector<PeerState>& peers);

// Two lines or three: the peers in numbers, the daemon, and what is wrong with its disk.
std::string render_head(const StatusDocument& status, WallTime now, const Look& look);

// Those in trouble first, and of these the ones that cost most requests; then by id.
std::vector<const PeerState*> worst_first(const std::vector<PeerState>& peers);

// Of the state of a peer.
Tone tone_of(const PeerState& peer);

// "3m", empty if it is not known.
std::string age_since(const std::optional<WallTime>& since, WallTime now);

// The head, and a table with a line for each peer.
std::string render_status(const StatusDocument& status, WallTime now, const Look& look);

// All about one peer, with what can be done about its last error.
std::string render_peer(const PeerState& peer, WallTime now, const Look& look);

// What was counted between two looks at the same daemon, per second. Peers are shown as far as `lines` go; 0: all.
std::string render_top(const StatusDocument& before, const StatusDocument& now_status, WallTime now, const Look& look,
                       std::size_t lines);

}  // namespace lonc::ctl
