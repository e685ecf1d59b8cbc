#include <lonc/core/session_key.hpp>

#include <string>

namespace lonc::core {

namespace {

constexpr std::size_t key_digits = 32;
constexpr int repetitions = 3;

// The ids are folded towards hex digits: G to P and Q to Z both become 0 to 9, either case. The rest stays.
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

}  // namespace

SessionKey derive_session_key(std::string_view peer_id, std::string_view own_id, std::string_view build_key) {
  if (build_key.ends_with('\n')) build_key.remove_suffix(1);
  std::string ids;
  ids.reserve(peer_id.size() + own_id.size());
  for (const char c : peer_id) ids += fold(c);
  for (const char c : own_id) ids += fold(c);

  // Three times is all, however short the parts are: what is missing then is zero.
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

}  // namespace lonc::core
