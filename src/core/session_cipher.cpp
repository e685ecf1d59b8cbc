#include <lonc/core/session_cipher.hpp>

#include <lonc/core/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

namespace lonc::core {

namespace {

constexpr std::size_t block_size = Idea::block_size;
constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> make_digit_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_digit);
  for (std::size_t i = 0; i < 10; ++i) values['0' + i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < 6; ++i) {
    values['a' + i] = static_cast<std::uint8_t>(10 + i);
    values['A' + i] = static_cast<std::uint8_t>(10 + i);
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> digit_values = make_digit_values();

constexpr std::array<std::array<char, 2>, 256> make_digits_of_byte() {
  constexpr std::string_view hex_digits = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> digits{};
  for (std::size_t i = 0; i < digits.size(); ++i) digits[i] = {hex_digits[i >> 4U], hex_digits[i & 15U]};
  return digits;
}

constexpr std::array<std::array<char, 2>, 256> digits_of_byte = make_digits_of_byte();

// Spreads `size` bytes, which stand at the end of `text` from `begin` + `size` on, into twice as many hex digits
// from `begin` on. Never overtakes itself: both digits of byte i are written when it has been read.
void expand_to_hex(std::string& text, std::size_t begin, std::size_t size) {
  char* out = text.data() + begin;
  const char* in = out + size;
  for (std::size_t i = 0; i < size; ++i) {
    const std::array<char, 2>& digits = digits_of_byte[static_cast<std::uint8_t>(in[i])];
    out[2 * i] = digits[0];
    out[2 * i + 1] = digits[1];
  }
}

// Room for out.size() * 2 digits is the caller's business. False if one of them is no hex digit.
bool pack_digits(std::string_view digits, std::string& out) {
  unsigned seen = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const unsigned high = digit_values[static_cast<std::uint8_t>(digits[2 * i])];
    const unsigned low = digit_values[static_cast<std::uint8_t>(digits[2 * i + 1])];
    seen |= high | low;
    out[i] = static_cast<char>((high << 4) | (low & 15));
  }
  return seen < 16;
}

// A sender of today's shape has one block more than needed when the length is a multiple of eight; a thrifty one
// has none. Both are fine.
constexpr bool is_block_count_for(std::size_t length, std::size_t blocks) {
  const std::size_t needed = length / block_size + (length % block_size == 0 ? 0 : 1);
  return blocks >= needed && blocks - needed <= 1;
}

struct EncryptedLine {
  std::size_t length = 0;  // bytes of the text without padding
  std::string_view digits;
};

bool parse(std::string_view line, EncryptedLine& parsed) {
  if (!is_encrypted_reply(line)) return false;
  line.remove_prefix(encrypted_prefix.size());
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const char* const end = line.data() + colon;
  const auto [stop, error] = std::from_chars(line.data(), end, parsed.length);
  if (error != std::errc{} || stop != end) return false;
  parsed.digits = line.substr(colon + 1);
  return parsed.digits.size() % (2 * block_size) == 0 &&
         is_block_count_for(parsed.length, parsed.digits.size() / (2 * block_size));
}

}  // namespace

void SessionCipher::encrypt(std::string_view command, std::string& wire) const {
  std::array<char, std::numeric_limits<std::size_t>::digits10 + 1> length{};
  const auto length_end = std::to_chars(length.data(), length.data() + length.size(), command.size()).ptr;

  wire.assign(encrypted_prefix);
  wire.append(length.data(), static_cast<std::size_t>(length_end - length.data()));
  wire += ':';
  // Always at least one blank of padding, so a whole block of blanks after a length that fills its blocks.
  const std::size_t begin = wire.size();
  const std::size_t padded = (command.size() / block_size + 1) * block_size;
  wire.resize(begin + 2 * padded, ' ');
  char* const text = wire.data() + begin + padded;
  std::copy(command.begin(), command.end(), text);
  cipher_.encrypt(text, padded / block_size);
  expand_to_hex(wire, begin, padded);
}

std::error_code SessionCipher::decrypt(std::string_view line, std::string& reply) const {
  reply.clear();
  EncryptedLine parsed;
  if (!parse(line, parsed)) return Errc::reply_not_decodable;
  reply.resize(parsed.digits.size() / 2);
  if (!pack_digits(parsed.digits, reply)) {
    reply.clear();
    return Errc::reply_not_decodable;
  }
  cipher_.decrypt(reply.data(), reply.size() / block_size);
  reply.resize(parsed.length);
  // With a wrong key the text is noise; a line end in it would put every later reply out of step.
  if (reply.find('\n') != std::string::npos || reply.find('\0') != std::string::npos) {
    reply.clear();
    return Errc::reply_not_decodable;
  }
  return {};
}

}  // namespace lonc::core
