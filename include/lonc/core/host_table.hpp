// hosts.tab: the peers of this server (docs/protocol.md). Parses text; reads no file and resolves no name.
#pragma once

#include <lonc/core/problem.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

struct Host {
  std::string id;       // host id, the name of its socket
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
  std::size_t longest_id = 0;  // bytes of an id that still fit in a socket path; 0: only what fits a file name
};

struct HostTable {
  std::vector<Host> hosts;  // in the order of the file
  // Bad and doubled lines (error), shared addresses and a missing own id (warning), lines passed over for want of
  // an address (one note for all); by line, what is about the whole file at the end.
  std::vector<Problem> problems;
};

// Why `id` can not be a host id, as the end of "the id ..."; empty if it can. Not told here: too long.
std::string_view host_id_fault(std::string_view id);

// The ids of `before` that are not in `after`, in the order of `before`.
std::vector<std::string> removed_ids(const HostTable& before, const HostTable& after);

// What is gone of `before` that makes `after` look like a file of which a part is missing: the own id, or more than
// half of at least four hosts. Empty if it does not.
std::string missing_part(const HostTable& before, const HostTable& after, std::string_view own_id);

// `file` is only named in the problems.
HostTable parse_host_table(std::string_view text, std::string_view file, const HostTableRules& rules);

}  // namespace lonc::core
