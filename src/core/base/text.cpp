#include <lonc/core/base/text.hpp>

#include <lonc/core/wire/session_cipher.hpp>

#include <algorithm>
#include <array>

namespace lonc::core {

namespace {

constexpr std::size_t longest_command_word = 15;
// The commands without an argument. A client may send anything, even just a password, so a line without a colon is
// shown only if it is one of these.
constexpr std::array<std::string_view, 9> bare_commands{
    "close_connection_exit", "ekey", "exit", "init", "load", "ping", "userload", "pong", "version"};
constexpr std::string_view hex_digits = "0123456789abcdef";

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

std::string to_lower(std::string text) {
  for (char& c : text) c = to_lower(c);
  return text;
}

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

std::string escape_outside_text(std::string_view text, std::size_t limit) {
  const bool is_cut = text.size() > limit;
  if (is_cut) text = text.substr(0, limit);
  std::string escaped;
  escaped.reserve(text.size() + 3);
  for (const char c : text) append_escaped(c, escaped);
  if (is_cut) escaped += "...";
  return escaped;
}

std::string quoted(std::string_view text) { return '"' + escape_outside_text(text) + '"'; }

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
