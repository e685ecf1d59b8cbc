// Text from outside in log and status: printable, without markup, of limited length.
#include "fuzz_input.hpp"

#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <string>

namespace {

using fuzz::require;

bool is_word(std::string_view word) {
  constexpr std::string_view word_bytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_?";
  return word.find_first_not_of(word_bytes) == std::string_view::npos;
}

void check_entities(std::string_view text) {
  for (std::size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
    const std::string_view entity = text.substr(at);
    require(entity.starts_with("&lt;") || entity.starts_with("&gt;") || entity.starts_with("&amp;"),
            "an ampersand begins an entity");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{data, size};
  const std::size_t limit = input.byte();
  const std::string_view text = input.rest();

  const std::string word = lonc::core::command_word(text);
  require(word.size() <= 15, "a command word is short");
  require(is_word(word), "a command word is a word");

  const std::string shown = lonc::core::escape_outside_text(text, limit);
  const bool is_clean =
      std::all_of(shown.begin(), shown.end(), [](char c) { return c >= 0x20 && c <= 0x7e && c != '<' && c != '>'; });
  require(is_clean, "printable and without markup");
  check_entities(shown);
  require(shown.size() <= 5 * limit + 3, "bounded");
  require((text.size() > limit) <= shown.ends_with("..."), "what was cut is marked");
  return 0;
}
