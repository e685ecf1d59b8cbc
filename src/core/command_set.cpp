#include <lonc/core/command_set.hpp>

#include <algorithm>
#include <functional>

namespace lonc::core {

namespace {

constexpr std::string_view separators = ", \t";

constexpr bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::optional<CommandSet> CommandSet::parse(std::string_view text) {
  CommandSet set;
  while (true) {
    const std::size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(separators));
    if (!std::ranges::all_of(word, is_word_byte)) return std::nullopt;
    set.words_.emplace_back(word);
    text.remove_prefix(word.size());
  }
  std::ranges::sort(set.words_);
  const auto repeated = std::ranges::unique(set.words_);
  set.words_.erase(repeated.begin(), repeated.end());
  return set;
}

bool CommandSet::contains(std::string_view word) const {
  return std::binary_search(words_.begin(), words_.end(), word, std::less<>());
}

std::string CommandSet::to_string() const {
  std::string text;
  for (const std::string& word : words_) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace lonc::core
