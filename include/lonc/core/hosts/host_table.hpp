// hosts.tab: the peers of this server (docs/protocol.md), and the addresses in it. Parses text; reads no file and
// resolves no name.
#pragma once

#include <lonc/core/base/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

struct Host {
  std::string id;       // host id, also the name of its socket
  std::string domain;
  std::string role;     // `library` or `access`
  std::string name;     // DNS name
  std::string address;  // numeric IPv4 or IPv6 address without brackets; empty: resolve `name`
  std::size_t line = 0;

  bool operator==(const Host&) const = default;
};

struct HostTableRules {
  std::string own_id;
  bool resolve_without_ip = false;  // hosts-without-ip = resolve
  std::size_t longest_id = 0;  // bytes of an id that still fit in a socket path; 0: limited only by file names
};

struct HostTable {
  std::vector<Host> hosts;  // in the order of the file
  // Bad and duplicate lines (error), shared addresses and a missing own id (warning), lines skipped because they have
  // no address (one note for all of them). Sorted by line; findings about the whole file come last.
  std::vector<Problem> problems;
};

// Why `id` cannot be a host id, as the end of "the id ..."; empty if it can. Does not report an id that is too long.
std::string_view host_id_fault(std::string_view id);

// The ids in `before` that are not in `after`, in the order of `before`.
std::vector<std::string> removed_ids(const HostTable& before, const HostTable& after);

// What is missing from `before` if `after` looks like an incomplete file: the own id, or more than half of at least
// four hosts. Empty if it does not look incomplete.
std::string missing_part(const HostTable& before, const HostTable& after, std::string_view own_id);

// `file` is used only as a name in the problems.
HostTable parse_host_table(std::string_view text, std::string_view file, const HostTableRules& rules);

// An IPv4 address is stored as ::ffff:a.b.c.d, so that equal addresses compare equal.
using AddressBytes = std::array<std::uint8_t, 16>;

// Strict: no zones (%eth0).
std::optional<AddressBytes> parse_ipv4(std::string_view text);
std::optional<AddressBytes> parse_ipv6(std::string_view text);

// False for an address that cannot belong to a single machine: unspecified (which leads to this server itself),
// multicast and broadcast.
bool is_of_one_machine(const AddressBytes& address);

}  // namespace lonc::core
