#include "chaos/token.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace lonc::chaos {

namespace {

// Removes the number up to the next colon from the line.
template <typename Number>
bool take(std::string_view& line, Number& number) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number, 16);
  if (error != std::errc{} || end == line.data() + line.size() || *end != ':') return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
  return true;
}

}  // namespace

std::uint64_t hash_of(std::string_view request) {  // FNV-1a
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char byte : request) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  return hash;
}

std::string write(const Token& token) {
  std::array<char, 128> line{};
  const int size = std::snprintf(line.data(), line.size(), "%c:%.*s:%llx:%x:%llx:", static_cast<char>(token.kind),
                                 static_cast<int>(token.peer.size()), token.peer.data(),
                                 static_cast<unsigned long long>(token.incarnation), token.serial,
                                 static_cast<unsigned long long>(token.hash));
  return {line.data(), static_cast<std::size_t>(size)};
}

std::optional<Token> read(std::string_view line) {
  if (line.size() < 2 || line[1] != ':' || std::string_view("AGU").find(line[0]) == std::string_view::npos) return {};
  Token token;
  token.kind = static_cast<Kind>(line[0]);
  line.remove_prefix(2);
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  token.peer = line.substr(0, colon);
  line.remove_prefix(colon + 1);
  if (!take(line, token.incarnation) || !take(line, token.serial) || !take(line, token.hash)) return {};
  return token;
}

}  // namespace lonc::chaos
