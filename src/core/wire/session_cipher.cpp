#include <lonc/core/wire/session_cipher.hpp>

#include <lonc/core/base/error.hpp>
#include <lonc/core/base/text.hpp>

#include <algorithm>

namespace lonc::core {

namespace {

constexpr std::size_t key_digits = 32;
constexpr int repetitions = 3;

// The ids are mapped towards hex digits: G to P and Q to Z both become 0 to 9, in either case. Other characters are
// kept.
constexpr char fold(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (c >= 'G' && c <= 'P') return static_cast<char>(c - 'G' + '0');
  if (c >= 'Q' && c <= 'Z') return static_cast<char>(c - 'Q' + '0');
  return c;
}

constexpr std::uint8_t nibble(char c) {
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const auto code = static_cast<unsigned>(static_cast<unsigned char>(c));
  return static_cast<std::uint8_t>((is_letter ? code + 9 : code) & 15U);
}

using Word = std::uint16_t;

constexpr std::size_t rounds = 8;
constexpr std::size_t round_keys = 6;

// One word of each of `n` blocks. Within a block every step depends on the previous one, so processing several blocks
// side by side costs little more than processing one. The loops have a constant length, so that the compiler vectorizes
// them.
template <std::size_t n>
using Words = std::array<Word, n>;

// Modulo 2^16 + 1, where 0 represents 2^16, which is congruent to -1.
constexpr Word multiply(Word a, Word b) {
  const auto low = static_cast<Word>(a * std::uint32_t{b});
  const auto high = static_cast<Word>((a * std::uint32_t{b}) >> 16U);
  const auto product = static_cast<Word>(low - high + static_cast<Word>(low < high));
  const auto of_minus_one = static_cast<Word>(1 - a - b);
  return static_cast<Word>(low | high) != 0 ? product : of_minus_one;
}

// The modulus is prime, so the inverse is a to the power of 2^16 - 1.
constexpr Word multiplicative_inverse(Word a) {
  Word result = a;
  for (int i = 1; i != 16; ++i) result = multiply(multiply(result, result), a);
  return result;
}

constexpr Word additive_inverse(Word a) { return static_cast<Word>(-a); }

template <std::size_t n>
void multiply(Words<n>& words, Word key) {
  for (Word& word : words) word = multiply(word, key);
}

template <std::size_t n>
void add(Words<n>& words, Word key) {
  for (Word& word : words) word = static_cast<Word>(word + key);
}

template <std::size_t n>
void add(Words<n>& words, const Words<n>& others) {
  for (std::size_t i = 0; i != n; ++i) words[i] = static_cast<Word>(words[i] + others[i]);
}

template <std::size_t n>
void exclusive_or(Words<n>& words, const Words<n>& others) {
  for (std::size_t i = 0; i != n; ++i) words[i] = static_cast<Word>(words[i] ^ others[i]);
}

template <std::size_t n>
Words<n> load(const char* data, std::size_t at) {
  Words<n> words;
  for (std::size_t i = 0; i != n; ++i) {
    const auto high = static_cast<std::uint8_t>(data[Idea::block_size * i + at]);
    const auto low = static_cast<std::uint8_t>(data[Idea::block_size * i + at + 1]);
    words[i] = static_cast<Word>(high << 8U | low);
  }
  return words;
}

template <std::size_t n>
void store(const Words<n>& words, char* data, std::size_t at) {
  for (std::size_t i = 0; i != n; ++i) {
    data[Idea::block_size * i + at] = static_cast<char>(words[i] >> 8U);
    data[Idea::block_size * i + at + 1] = static_cast<char>(words[i]);
  }
}

// For both directions: they differ only in their subkeys.
template <std::size_t n>
void transform(const Word* keys, char* data) {
  Words<n> a = load<n>(data, 0);
  Words<n> b = load<n>(data, 2);
  Words<n> c = load<n>(data, 4);
  Words<n> d = load<n>(data, 6);
  for (std::size_t round = 0; round != rounds; ++round, keys += round_keys) {
    multiply(a, keys[0]);
    add(b, keys[1]);
    add(c, keys[2]);
    multiply(d, keys[3]);
    const Words<n> old_b = b;
    const Words<n> old_c = c;
    exclusive_or(c, a);
    multiply(c, keys[4]);
    exclusive_or(b, d);
    add(b, c);
    multiply(b, keys[5]);
    add(c, b);
    exclusive_or(a, b);
    exclusive_or(d, c);
    exclusive_or(b, old_c);
    exclusive_or(c, old_b);
  }
  multiply(a, keys[0]);
  add(c, keys[1]);
  add(b, keys[2]);
  multiply(d, keys[3]);
  store(a, data, 0);
  store(c, data, 2);
  store(b, data, 4);
  store(d, data, 6);
}

void transform(const Word* keys, char* data, std::size_t blocks) {
  constexpr std::size_t side_by_side = 8;
  // More than two blocks are faster side by side, even if some of the eight lanes are unused.
  constexpr std::size_t few = 2;
  for (; blocks >= side_by_side; blocks -= side_by_side, data += side_by_side * Idea::block_size)
    transform<side_by_side>(keys, data);
  if (blocks > few) {
    std::array<char, side_by_side * Idea::block_size> rest{};
    std::char_traits<char>::copy(rest.data(), data, blocks * Idea::block_size);
    transform<side_by_side>(keys, rest.data());
    std::char_traits<char>::copy(data, rest.data(), blocks * Idea::block_size);
    return;
  }
  for (; blocks != 0; --blocks, data += Idea::block_size) transform<1>(keys, data);
}

constexpr std::size_t block_size = Idea::block_size;
constexpr std::string_view hex_digits = "0123456789abcdef";

// Of each character as a hex digit; 0xff if it is none.
constexpr auto digit_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(0xff);
  for (std::size_t i = 0; i < 16; ++i) values[static_cast<std::uint8_t>(hex_digits[i])] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 10; i < 16; ++i) values['A' + i - 10] = static_cast<std::uint8_t>(i);
  return values;
}();

constexpr auto digits_of_byte = [] {
  std::array<std::array<char, 2>, 256> digits{};
  for (std::size_t i = 0; i < digits.size(); ++i) digits[i] = {hex_digits[i >> 4U], hex_digits[i & 15U]};
  return digits;
}();

// Expands the `size` bytes at the end of `text`, from `begin` + `size` on, into twice as many hex digits from `begin`
// on. Never overwrites unread bytes: both digits of byte i are written after it has been read.
void expand_to_hex(std::string& text, std::size_t begin, std::size_t size) {
  char* out = text.data() + begin;
  const char* in = out + size;
  for (std::size_t i = 0; i < size; ++i) {
    const std::array<char, 2>& digits = digits_of_byte[static_cast<std::uint8_t>(in[i])];
    out[2 * i] = digits[0];
    out[2 * i + 1] = digits[1];
  }
}

// The caller ensures that there are out.size() * 2 digits. False if one of them is not a hex digit.
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

// A current sender has one block more than needed when the length is a multiple of eight; an economical sender does
// not. Both are accepted.
constexpr bool is_block_count_for(std::size_t length, std::size_t blocks) {
  const std::size_t needed = length / block_size + (length % block_size == 0 ? 0 : 1);
  return blocks >= needed && blocks - needed <= 1;
}

// Replaces `text`. False if the line is malformed, or its text is not a single line.
bool decode(std::string_view line, const Idea& cipher, std::string& text) {
  if (!is_encrypted_reply(line)) return false;
  line.remove_prefix(encrypted_prefix.size());
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const auto length = number_in<std::size_t>(line.substr(0, colon));  // bytes of the text, without padding
  const std::string_view digits = line.substr(colon + 1);
  const std::size_t blocks = digits.size() / (2 * block_size);
  if (!length || digits.size() % (2 * block_size) != 0 || !is_block_count_for(*length, blocks)) return false;
  text.resize(digits.size() / 2);
  if (!pack_digits(digits, text)) return false;
  cipher.decrypt(text.data(), blocks);
  text.resize(*length);
  // With a wrong key the text is noise; a line end in it would put all later replies out of step.
  return text.find('\n') == std::string::npos && text.find('\0') == std::string::npos;
}

}  // namespace

SessionKey derive_session_key(std::string_view peer_id, std::string_view own_id, std::string_view build_key) {
  if (build_key.ends_with('\n')) build_key.remove_suffix(1);
  std::string ids;
  ids.reserve(peer_id.size() + own_id.size());
  for (const char c : peer_id) ids += fold(c);
  for (const char c : own_id) ids += fold(c);

  // At most three repetitions, however short the parts are. Missing digits then count as zero.
  std::string digits;
  for (int i = 0; i < repetitions && digits.size() < key_digits; ++i) {
    digits += ids;
    digits += build_key;
  }
  return pack_hex(digits);
}

SessionKey pack_hex(std::string_view digits) {
  SessionKey key{};
  digits = digits.substr(0, key_digits);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const unsigned shift = i % 2 == 0 ? 4 : 0;
    key[i / 2] = static_cast<std::uint8_t>(key[i / 2] | (nibble(digits[i]) << shift));
  }
  return key;
}

// Each group of eight words is the key, rotated left by another 25 bits.
Idea::Idea(const SessionKey& key) {
  constexpr std::size_t key_words = 8;
  for (std::size_t i = 0; i != key_words; ++i)
    encryption_.at(i) = static_cast<Word>(key.at(2 * i) << 8U | key.at(2 * i + 1));
  for (std::size_t i = key_words; i != encryption_.size(); ++i) {
    const std::size_t before = (i / key_words - 1) * key_words;
    const Word high = encryption_.at(before + (i + 1) % key_words);
    const Word low = encryption_.at(before + (i + 2) % key_words);
    encryption_.at(i) = static_cast<Word>(high << 9U | low >> 7U);
  }
  decryption_ = inverse(encryption_);
}

// Undoes the rounds from the last to the first. The two middle words are swapped between rounds.
Idea::Subkeys Idea::inverse(const Subkeys& subkeys) {
  Subkeys inverse{};
  for (std::size_t round = 0; round <= rounds; ++round) {
    const std::size_t at = round * round_keys;
    const std::size_t from = (rounds - round) * round_keys;
    const bool is_outermost = round == 0 || round == rounds;
    inverse.at(at) = multiplicative_inverse(subkeys.at(from));
    inverse.at(at + 1) = additive_inverse(subkeys.at(from + (is_outermost ? 1 : 2)));
    inverse.at(at + 2) = additive_inverse(subkeys.at(from + (is_outermost ? 2 : 1)));
    inverse.at(at + 3) = multiplicative_inverse(subkeys.at(from + 3));
    if (round == rounds) break;
    inverse.at(at + 4) = subkeys.at(from - 2);
    inverse.at(at + 5) = subkeys.at(from - 1);
  }
  return inverse;
}

void Idea::encrypt(char* data, std::size_t blocks) const { transform(encryption_.data(), data, blocks); }

void Idea::decrypt(char* data, std::size_t blocks) const { transform(decryption_.data(), data, blocks); }

void SessionCipher::encrypt(std::string_view command, std::string& wire) const {
  wire.assign(encrypted_prefix).append(std::to_string(command.size())).push_back(':');
  // There is always at least one blank of padding, so a length that fills its blocks is followed by a whole block of
  // blanks.
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
  if (decode(line, cipher_, reply)) return {};
  reply.clear();
  return Errc::reply_not_decodable;
}

}  // namespace lonc::core
