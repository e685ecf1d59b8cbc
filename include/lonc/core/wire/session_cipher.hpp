// The cipher of a lond connection (docs/protocol.md): its key, the block cipher, and the lines that it makes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::core {

// The key of a lond connection, derived from both host ids and lond's build key.
using SessionKey = std::array<std::uint8_t, 16>;

// `peer_id` is the id of lond's host, `own_id` is ours, both as spelled in hosts.tab. A line end on the build key is
// dropped, as lond does.
SessionKey derive_session_key(std::string_view peer_id, std::string_view own_id, std::string_view build_key);

// 16 bytes from up to 32 characters by the rules of Perl's pack("H32", ...): letters count as (code + 9) & 15, all
// other bytes as code & 15, missing characters as zero.
SessionKey pack_hex(std::string_view digits);

// The block cipher IDEA (X. Lai, J. Massey, 1990), used block by block (ECB) as in `enc:` lines. Anyone who can listen
// knows its key, so its running time may depend on the data.
class Idea {
 public:
  static constexpr std::size_t block_size = 8;  // bytes

  explicit Idea(const SessionKey& key);

  // In place; `data` points to `blocks` whole blocks.
  void encrypt(char* data, std::size_t blocks) const;
  void decrypt(char* data, std::size_t blocks) const;

 private:
  using Subkeys = std::array<std::uint16_t, 52>;  // six per round, four for the output transformation

  static Subkeys inverse(const Subkeys& subkeys);

  Subkeys encryption_{};
  Subkeys decryption_{};
};

inline constexpr std::string_view encrypt_prefix = "encrypt:";  // local form, client to lonc
inline constexpr std::string_view encrypted_prefix = "enc:";    // wire form, lonc to lond and back

constexpr bool is_encrypted_request(std::string_view request) { return request.starts_with(encrypt_prefix); }
constexpr bool is_encrypted_reply(std::string_view reply) { return reply.starts_with(encrypted_prefix); }

// `enc:LEN:HEX` lines under one session key: IDEA, ECB, padded with blanks. Anyone who can listen knows the key, so
// this hides nothing from the network.
class SessionCipher {
 public:
  explicit SessionCipher(const SessionKey& key) : cipher_(key) {}

  // `command` has neither `encrypt:` nor a line end. Replaces `wire` with the enc: line, without a line end.
  void encrypt(std::string_view command, std::string& wire) const;

  // `line` begins with enc: and has no line end. Replaces `reply` with the text. Errc::reply_not_decodable if the line
  // is malformed or the text is not a single line (the two ends probably use different keys).
  std::error_code decrypt(std::string_view line, std::string& reply) const;

 private:
  Idea cipher_;
};

}  // namespace lonc::core
