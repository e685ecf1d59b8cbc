// A set of command words, as a setting lists them: "get, keys". Asked once for each request that could be pipelined.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

class CommandSet {
 public:
  CommandSet() = default;

  // Words of letters, digits and '_', separated by commas or blanks. Nothing if `text` holds anything else.
  static std::optional<CommandSet> parse(std::string_view text);

  bool contains(std::string_view word) const;
  // In alphabetical order, "get, keys".
  std::string to_string() const;

  bool operator==(const CommandSet&) const = default;

 private:
  std::vector<std::string> words_;  // sorted, each once
};

}  // namespace lonc::core
