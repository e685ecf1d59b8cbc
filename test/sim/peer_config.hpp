// The settings of a simulated peer.
#pragma once

#include "sim/draw.hpp"

#include <lonc/net/settings.hpp>

#include <cstdint>
#include <string>

namespace lonc::sim {

inline constexpr std::uint16_t lond_port = 5663;

// `place`: 1, or another number after the peer has moved.
std::string address_of(int peer, int place);

// `path`: of its socket for clients. `is_long`: the times are those that lonc has without a configuration.
net::PeerConfig draw_config(int peer, Draw& draw, const std::string& path, bool is_long);

}  // namespace lonc::sim
