#include <lonc/core/text.hpp>

#include <lonc/core/session_cipher.hpp>

#include <algorithm>
#include <array>

namespace lonc::core {

namespace {

constexpr std::size_t longest_command_word = 15;
// The commands that take no argument. A client may send anything, a password alone: without a colon only these are
// shown.
constexpr std::array<std::string_view, 9> bare_commands{
    "close_connection_exit", "ekey", "exit", "init", "load", "ping", "userload", "pong", "version"};
constexpr std::string_view hex_digits = "0123456789abcdef";

// Not isalnum(): the locale has no say in what is written.
constexpr bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void append_escaped(char c, std::string& out) {
  const auto code = static_cast<unsigned char>(c);
  if (c == '<') {
    out += "&lt;";
  } else if (c == '>') {
    out += "&gt;";
  } else if (c == '&') {
    out += "&amp;";
  } else if (code < 0x20 || code > 0x7e) {
    out += "\\x";
    out += hex_digits[code >> 4];
    out += hex_digits[code & 15];
  } else {
    out += c;
  }
}

}  // namespace

std::string command_word(std::string_view request) {
  if (is_encrypted_request(request)) request.remove_prefix(encrypt_prefix.size());
  const std::size_t colon = request.find(':');
  if (colon == std::string_view::npos && !request.empty() &&
      std::ranges::find(bare_commands, request) == bare_commands.end())
    return "?";
  request = request.substr(0, colon);
  std::string word{request.substr(0, longest_command_word)};
  for (char& c : word) {
    if (!is_word_byte(c)) c = '?';
  }
  return word;
}

std::string_view leading_word(std::string_view request) {
  const auto end = std::ranges::find_if_not(request, is_word_byte);
  return {request.begin(), end};
}

std::string escape_outside_text(std::string_view text, std::size_t limit) {
  const bool is_cut = text.size() > limit;
  if (is_cut) text = text.substr(0, limit);
  std::string escaped;
  escaped.reserve(text.size() + 3);
  for (const char c : text) append_escaped(c, escaped);
  if (is_cut) escaped += "...";
  return escaped;
}

std::string counted(std::size_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most_told = 10;
  std::string text;
  for (std::size_t i = 0; i != std::min(names.size(), most_told); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most_told) text += " and " + std::to_string(names.size() - most_told) + " more";
  return text;
}

}  // namespace lonc::core
