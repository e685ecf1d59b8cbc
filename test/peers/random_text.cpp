#include "peers/random_text.hpp"

#include <charconv>
#include <random>

namespace lonc::standin {

namespace {

std::size_t random_below(std::size_t bound) {
  static std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_int_distribution<std::size_t>(0, bound - 1)(generator);
}

std::string random_from(std::string_view alphabet, std::size_t size) {
  std::string text(size, '\0');
  for (char& letter : text) letter = alphabet[random_below(alphabet.size())];
  return text;
}

}  // namespace

std::string random_digits(std::size_t size) { return random_from("0123456789", size); }

std::string random_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    do {
      byte = static_cast<char>(random_below(256));
    } while (byte == '\n');
  }
  return bytes;
}

std::string random_build_key() {
  return std::to_string(random_below(100'000)) + random_from("ABCDEF7890", 19) + random_digits(1 + random_below(6));
}

std::string repeated_alphabet(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t at = 0; at < size; ++at) text[at] = static_cast<char>('a' + at % 26);
  return text;
}

std::size_t to_number(std::string_view text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::pair<std::size_t, std::string_view> split_number(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return {to_number(text), {}};
  return {to_number(text.substr(0, colon)), text.substr(colon + 1)};
}

}  // namespace lonc::standin
