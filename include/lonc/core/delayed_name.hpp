// File names of delayed messages (docs/spool-format.md): TIMESTAMP.COUNT.PID.COMMAND.HOSTID, and of 2002
// TIMESTAMP.COMMAND.HOSTID. Reads no directory.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace lonc::core {

// The order of delivery, as far as names alone tell it: messages of one second go by when their files were last
// changed.
struct DelayedName {
  std::uint64_t timestamp = 0;  // Unix seconds
  std::string text;  // the whole name

  auto operator<=>(const DelayedName&) const = default;
};

struct OwnedDelayedName {
  DelayedName name;
  std::string_view host_id;  // part of the name that was given
};

// Whose message a file of this name is. Nothing if it is no name of a delayed message, or of a host that `is_host`
// does not know. An id is matched whole, dots included: `...put.s1.msu` is never a message for `msu`.
std::optional<OwnedDelayedName> parse_delayed_name(std::string_view name,
                                                   const std::function<bool(std::string_view id)>& is_host);

// True for what looks like a delayed message, whoever its host may be.
bool is_delayed_name(std::string_view name);

// As lonnet.pm writes it; `count` is no serial number, and tells nothing of the order. `command` is shortened to its
// first 16 bytes, of which word characters are kept.
std::string make_delayed_name(std::uint64_t timestamp, std::uint64_t count, std::uint64_t pid, std::string_view command,
                              std::string_view host_id);

}  // namespace lonc::core
