// `enc:LEN:HEX` lines under one session key: IDEA, ECB, blank padding (docs/protocol.md). The key of a lond
// connection is known to anyone who can listen, so this hides nothing from the network.
#pragma once

#include <lonc/core/idea.hpp>
#include <lonc/core/session_key.hpp>

#include <string>
#include <string_view>
#include <system_error>

namespace lonc::core {

inline constexpr std::string_view encrypt_prefix = "encrypt:";  // local form, client to lonc
inline constexpr std::string_view encrypted_prefix = "enc:";    // wire form, lonc to lond and back

constexpr bool is_encrypted_request(std::string_view request) { return request.starts_with(encrypt_prefix); }
constexpr bool is_encrypted_reply(std::string_view reply) { return reply.starts_with(encrypted_prefix); }

class SessionCipher {
 public:
  explicit SessionCipher(const SessionKey& key) : cipher_(key) {}

  // `command` without `encrypt:` and without line end. Replaces `wire` by the enc: line, without line end.
  void encrypt(std::string_view command, std::string& wire) const;

  // `line` begins with enc: and has no line end. Replaces `reply` by the text. Errc::reply_not_decodable if the
  // line is malformed or the text is not one line (the two ends probably use different keys).
  std::error_code decrypt(std::string_view line, std::string& reply) const;

 private:
  Idea cipher_;
};

}  // namespace lonc::core
