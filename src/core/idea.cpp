#include <lonc/core/idea.hpp>

#include <string>

namespace lonc::core {

namespace {

using Word = std::uint16_t;

constexpr std::size_t rounds = 8;
constexpr std::size_t round_keys = 6;

// One word of each of `n` blocks. In a block every step waits for the step before, so several blocks side by side cost
// little more than one. The loops have a length that the compiler knows, so that it makes vector instructions of them.
template <std::size_t n>
using Words = std::array<Word, n>;

// Modulo 2^16 + 1, where 0 stands for 2^16, which is -1.
constexpr Word multiply(Word a, Word b) {
  const auto low = static_cast<Word>(a * std::uint32_t{b});
  const auto high = static_cast<Word>((a * std::uint32_t{b}) >> 16U);
  const auto product = static_cast<Word>(low - high + static_cast<Word>(low < high));
  const auto of_minus_one = static_cast<Word>(1 - a - b);
  return static_cast<Word>(low | high) != 0 ? product : of_minus_one;
}

// The modulus is prime: a to the power of 2^16 - 1.
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

// Both directions: they differ in their subkeys alone.
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
  // More than two are done sooner beside each other, even if some of the eight are not wanted.
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

}  // namespace

// Eight words at a time are the key, turned left by 25 bits each time.
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

// Undoes the rounds from the last to the first. The two middle words change places between rounds.
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

}  // namespace lonc::core
