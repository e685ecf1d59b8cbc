// An administrator's requests about delayed messages and their answers, as values and as JSON (docs/admin-api.md).
// Touches no files; queue_service.hpp does.
#pragma once

#include <lonc/core/base/types.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::node {

enum class QueueAction {
  list,
  show,     // the same as list, and whether it can be sent as it is
  retry,    // forgets failed attempts and tries again now
  hold,     // moves it to the quarantine
  drop,     // deletes it
  release,  // moves it from the quarantine back to the waiting messages
};

std::string_view to_string(QueueAction action);
std::optional<QueueAction> queue_action(std::string_view word);

// The most messages that one call lists or acts on.
inline constexpr std::size_t default_queue_limit = 1000;
inline constexpr std::size_t longest_queue_limit = 10'000;

struct QueueRequest {
  QueueAction action = QueueAction::list;
  // Exactly one of these three.
  std::vector<std::string> names{};
  std::string peer{};
  bool is_all = false;
  bool in_quarantine = false;  // applies to the quarantine, not to waiting messages; always so for release
  std::size_t limit = default_queue_limit;
};

struct QueuedMessage {
  std::string name;  // of its file; requests use it
  std::string peer;
  std::string state{};         // "waiting", "sending", "unsettled", "foreign" or "quarantined"
  core::Duration age{};        // since the last change of its file
  std::uint64_t size = 0;      // bytes
  std::string command;         // the command word: the only part of the content ever disclosed
  bool is_encrypted = false;
  unsigned attempts = 0;       // consecutive failed ones
  std::string reason{};        // why it is in the quarantine
  std::string original_name{};  // of a message in the quarantine
  std::optional<std::string> fault{};  // for show: why it cannot be sent as it is; empty if it can
};

struct QueueProblem {
  std::string name;
  std::string text;
};

struct QueueAnswer {
  std::size_t total = 0;  // messages that were requested and exist
  std::size_t done = 0;   // those of them acted on; for retry: peers
  std::vector<QueuedMessage> messages;  // for list and show; the oldest of `total`
  std::vector<QueueProblem> problems;   // messages that were not acted on
  std::string error;                    // why nothing, or nothing further, could be done
};

// Parses a request body of the API. On failure returns nothing, and `fault` says why.
std::optional<QueueRequest> parse_queue_request(QueueAction action, std::string_view json, std::string& fault);
std::string to_json(const QueueRequest& request);
std::string to_json(const QueueAnswer& answer);

}  // namespace lonc::node
