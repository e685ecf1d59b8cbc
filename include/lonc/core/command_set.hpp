// A set of command words, as a setting lists them: "get, keys". Asked once for each request.
#pragma once

#include <cstdint>
#include <memory>
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

  bool operator==(const CommandSet& other) const { return words() == other.words(); }

 private:
  using Words = std::vector<std::string>;
  const Words& words() const;

  std::uint64_t marks_ = 0;  // a bit for first byte and length of each: most words that are not in it are told by that
  std::shared_ptr<const Words> words_;  // sorted, each once; the same for thousands of peers, so copies share it
};

}  // namespace lonc::core
