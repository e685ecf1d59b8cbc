// The kinds of values that settings have: what each accepts, and how it is converted from text and back. Independent of
// the names of the settings.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/core/engine/peer_settings.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lonc::node {

template <typename Value>
struct Kind {
  std::string accepts;  // "a duration from 1s to 1h"
  std::function<std::optional<Value>(std::string_view text)> parse;  // nothing if it is not acceptable
  std::function<std::string(const Value&)> format;  // in a form that parse() accepts
};

// "0.5", "500ms", "30s", "5m", "1h": seconds if no unit is given. Rounded to milliseconds.
Kind<core::Duration> duration(core::Duration least, core::Duration most);

// For settings that the system takes in whole seconds.
Kind<core::Duration> whole_seconds(core::Duration least, core::Duration most);

// Also accepts `word`, which stands for `value`.
Kind<core::Duration> or_word(const Kind<core::Duration>& kind, const std::string& word, core::Duration value);

// Also accepts 0.
Kind<core::Duration> zero_or(const Kind<core::Duration>& kind);

// Digits only.
Kind<std::uint64_t> count(std::uint64_t least, std::uint64_t most);

// Bytes; with a trailing `k` or `M`, units of 1024 or 1024 * 1024 bytes.
Kind<std::uint64_t> size(std::uint64_t least, std::uint64_t most);

// The permissions of a file of which the owner makes use.
Kind<unsigned> mode();

// Without control bytes.
Kind<std::string> text(std::string accepts, std::function<bool(std::string_view)> is_good);

// An absolute path, without redundant trailing slashes.
Kind<std::string> path();

// Also accepts an empty text.
Kind<std::string> or_nothing(Kind<std::string> kind);

Kind<core::CommandSet> commands();

template <typename Value>
Kind<Value> choice(const std::vector<std::pair<std::string, Value>>& words) {
  std::string accepts = "one of";
  for (const auto& [word, value] : words) accepts += (accepts == "one of" ? " " : ", ") + word;
  return {std::move(accepts),
          [=](std::string_view text) {
            const auto found = std::ranges::find(words, text, &std::pair<std::string, Value>::first);
            return found == words.end() ? std::nullopt : std::optional(found->second);
          },
          [=](const Value& value) {
            const auto found = std::ranges::find(words, value, &std::pair<std::string, Value>::second);
            return found == words.end() ? std::string() : found->first;
          }};
}

}  // namespace lonc::node
