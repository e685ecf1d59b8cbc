// What an administrator may ask about delayed messages, and the answer, as values and as JSON (docs/admin-api.md).
// Touches no file: queue_service.hpp.
#pragma once

#include <lonc/core/types.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::app {

enum class QueueAction {
  list,
  show,     // the same, with whether it could be sent as it is
  retry,    // failures are forgotten, and it is tried now
  hold,     // to the quarantine, by hand
  drop,     // deleted
  release,  // from the quarantine back to those that wait
};

std::string_view to_string(QueueAction action);
std::optional<QueueAction> queue_action(std::string_view word);

// How many messages one call lists or acts on at most.
inline constexpr std::size_t default_queue_limit = 1000;
inline constexpr std::size_t longest_queue_limit = 10'000;

struct QueueRequest {
  QueueAction action = QueueAction::list;
  // Exactly one of these three.
  std::vector<std::string> names{};
  std::string peer{};
  bool is_all = false;
  bool in_quarantine = false;  // what was set aside is meant, not what waits; release means it always
  std::size_t limit = default_queue_limit;
};

struct QueuedMessage {
  std::string name;  // of its file, by which it is asked for
  std::string peer;
  std::string state;           // "waiting", "sending", "unsettled", "foreign" or "quarantined"
  core::Duration age{};        // since the last change of its file
  std::uint64_t size = 0;      // bytes
  std::string command;         // the command word: all that is ever told of the content
  bool is_encrypted = false;
  unsigned attempts = 0;       // failed ones, in a row
  std::string reason;          // why it is in the quarantine
  std::string original_name;   // of one in the quarantine
  std::optional<std::string> fault;  // of show: why it can not be sent as it is; empty if it can
};

struct QueueProblem {
  std::string name;
  std::string text;
};

struct QueueAnswer {
  std::size_t total = 0;  // messages that were meant and are there
  std::size_t done = 0;   // of these acted on; of retry: peers
  std::vector<QueuedMessage> messages;  // of list and show; the oldest of `total`
  std::vector<QueueProblem> problems;   // messages that were not acted on
  std::string error;                    // why nothing, or no more, could be done at all
};

// A body of the API. On failure nothing, and `fault` says why.
std::optional<QueueRequest> parse_queue_request(QueueAction action, std::string_view json, std::string& fault);
std::string to_json(const QueueRequest& request);
std::string to_json(const QueueAnswer& answer);

}  // namespace lonc::app
