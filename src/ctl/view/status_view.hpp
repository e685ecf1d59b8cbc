// The status of a daemon as loncctl reads it: its JSON (docs/status-json.md), validated and sanitized for a terminal.
// The code that displays a member also reads it: what `loncctl status` and `loncctl top` show. Pure functions from
// values to text.
#pragma once

#include "text.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lonc::ctl {

// Removes members that are null, so that value() treats them as missing. Texts contain only bytes that a terminal can
// show. Throws Failure if it is not a status of version 1.
nlohmann::json parse_status(const std::string& document);

// The member of this name; an empty object if there is none, or if `object` is not an object.
const nlohmann::json& part(const nlohmann::json& object, const char* name);

// Return an empty text, 0 or nothing if there is no such member, or if it has another type.
std::string text_in(const nlohmann::json& object, const char* name);
std::uint64_t count_in(const nlohmann::json& object, const char* name);  // a whole number from 0 up
std::optional<WallTime> time_in(const nlohmann::json& object, const char* name);

// "37 peers: 35 up, 2 away"
std::string head_line(const nlohmann::json& peers);

// Two or three lines: the numbers of peers, the daemon, and any trouble with its disk.
std::string render_head(const nlohmann::json& status, WallTime now, const TextStyle& style);

// Peers in trouble first, ordered by state and then by the number of lost requests; otherwise by id. The pointers refer
// to elements of `peers`.
std::vector<const nlohmann::json*> worst_first(const nlohmann::json& peers);

// The head, and a table with one line for each peer.
std::string render_status(const nlohmann::json& status, WallTime now, const TextStyle& style);

// Everything about one peer, including the remedy for its last error.
std::string render_peer(const nlohmann::json& peer, WallTime now, const TextStyle& style);

// Rates per second between two snapshots of the same daemon. Shows as many peers as fit in `lines`; 0: all.
std::string render_top(const nlohmann::json& before, const nlohmann::json& now_status, WallTime now,
                       const TextStyle& style, std::size_t lines);

}  // namespace lonc::ctl
