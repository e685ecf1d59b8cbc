// What a chaos peer answers: a line that says by itself which request it is for, so that a judge needs no other
// witness. `KIND:PEER:INCARNATION:SERIAL:HASH:` and padding; the hash is that of all bytes of the request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lonc::chaos {

enum class Kind : char {
  answer = 'A',
  garbled = 'G',  // in the place of an answer, with bytes behind it that are no text
  unasked = 'U',  // nobody asked for it, so nobody may get it
};

struct Token {
  Kind kind = Kind::answer;
  std::string_view peer;
  std::uint64_t incarnation = 0;  // of the peer's process
  std::uint32_t serial = 0;       // from 1, within the incarnation
  std::uint64_t hash = 0;
};

std::uint64_t hash_of(std::string_view request);
// Without line end.
std::string write(const Token& token);
// Nothing if the line is no whole token.
std::optional<Token> read(std::string_view line);

}  // namespace lonc::chaos
