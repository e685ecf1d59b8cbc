#include <lonc/core/command_set.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

namespace {

constexpr std::string_view separators = ", \t";

constexpr bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::uint64_t mark_of(std::string_view word) {
  if (word.empty()) return 0;  // in no set
  return std::uint64_t{1} << ((static_cast<unsigned char>(word[0]) + 5 * word.size()) % 64);
}

}  // namespace

const CommandSet::Words& CommandSet::words() const {
  static const Words none;
  return words_ ? *words_ : none;
}

// A dozen words, of which few begin alike and are as long: going through them is cheaper than to bisect.
bool CommandSet::contains(std::string_view word) const {
  if ((marks_ & mark_of(word)) == 0) return false;
  return std::ranges::any_of(*words_, [&](const std::string& each) {
    return each.size() == word.size() && each[0] == word[0] && each == word;
  });
}

std::optional<CommandSet> CommandSet::parse(std::string_view text) {
  Words words;
  while (true) {
    const std::size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(separators));
    if (!std::ranges::all_of(word, is_word_byte)) return std::nullopt;
    words.emplace_back(word);
    text.remove_prefix(word.size());
  }
  std::ranges::sort(words);
  const auto repeated = std::ranges::unique(words);
  words.erase(repeated.begin(), repeated.end());
  CommandSet set;
  for (const std::string& word : words) set.marks_ |= mark_of(word);
  set.words_ = std::make_shared<const Words>(std::move(words));
  return set;
}

std::string CommandSet::to_string() const {
  std::string text;
  for (const std::string& word : words()) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace lonc::core
