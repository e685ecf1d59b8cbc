// Numeric IPv4 and IPv6 addresses from text, strictly. Resolves nothing and knows no zones (%eth0).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lonc::core {

// An IPv4 address as ::ffff:a.b.c.d, so that equal addresses compare equal.
using AddressBytes = std::array<std::uint8_t, 16>;

std::optional<AddressBytes> parse_ipv4(std::string_view text);
std::optional<AddressBytes> parse_ipv6(std::string_view text);

// False for what can be nobody's: unspecified (which leads to this very server), multicast and broadcast.
bool is_of_one_machine(const AddressBytes& address);

}  // namespace lonc::core
