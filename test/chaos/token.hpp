// The answer of a chaos peer: a line that itself says which request it answers, so that a judge needs no other
// evidence. `KIND:PEER:INCARNATION:SERIAL:HASH:` and padding; the hash is that of all bytes of the request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lonc::chaos {

enum class Kind : char {
  answer = 'A',
  garbled = 'G',  // in place of an answer, followed by bytes that are not text
  unasked = 'U',  // unsolicited, so no client may get it
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
// Empty if the line is not a complete token.
std::optional<Token> read(std::string_view line);

}  // namespace lonc::chaos
