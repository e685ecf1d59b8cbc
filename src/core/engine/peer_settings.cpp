#include <lonc/core/engine/peer_settings.hpp>

#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

namespace {

constexpr std::string_view separators = ", \t";

std::uint64_t mark_of(std::string_view word) {
  if (word.empty()) return 0;  // in no set
  return std::uint64_t{1} << ((static_cast<unsigned char>(word[0]) + 5 * word.size()) % 64);
}

}  // namespace

// About a dozen words, few of which share both first byte and length: a linear search is cheaper than a binary one.
bool CommandSet::contains(std::string_view word) const {
  if ((marks_ & mark_of(word)) == 0) return false;
  return std::ranges::any_of(*words_, [&](const std::string& each) {
    return each.size() == word.size() && each[0] == word[0] && each == word;
  });
}

std::optional<CommandSet> CommandSet::parse(std::string_view text) {
  Words words;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(separators), text.size()));
    if (text.empty()) break;
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
  if (!words_) return text;
  for (const std::string& word : *words_) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace lonc::core
