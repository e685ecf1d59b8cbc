// The key of a lond connection, derived from both host ids and lond's build key (docs/protocol.md).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace lonc::core {

using SessionKey = std::array<std::uint8_t, 16>;

// `peer_id` is the id of the lond's host, `own_id` ours, both as spelled in hosts.tab. A line end on the build
// key is left out, as lond does.
SessionKey derive_session_key(std::string_view peer_id, std::string_view own_id, std::string_view build_key);

// 16 bytes from up to 32 characters by the rules of Perl's pack("H32", ...): letters count as (code + 9) & 15,
// all other bytes as code & 15, what is missing as zero.
SessionKey pack_hex(std::string_view digits);

}  // namespace lonc::core
