// SessionCipher: encrypted text is decrypted correctly, and no line of a peer is decoded to anything but a line.
#include "fuzz_input.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/core/wire/session_cipher.hpp>

#include <string>

namespace {

using fuzz::require;
using lonc::core::Errc;
using lonc::core::SessionCipher;

bool is_line(std::string_view text) {
  return text.find_first_of(std::string_view{"\n\0", 2}) == std::string_view::npos;
}

void check_decrypt(const SessionCipher& cipher, std::string_view line) {
  std::string reply = "left over";
  const auto error = cipher.decrypt(line, reply);
  if (error) {
    require(error == Errc::reply_not_decodable, "one error only");
    require(reply.empty(), "nothing is left in the reply after an error");
  } else {
    require(lonc::core::is_encrypted_reply(line), "only enc: lines are decoded");
    require(is_line(reply), "a reply is one line");
    require(2 * reply.size() < line.size(), "a reply is covered by its digits");
  }
}

void check_encrypt(const SessionCipher& cipher, std::string_view command) {
  std::string wire = "left over";
  cipher.encrypt(command, wire);
  const std::string head = "enc:" + std::to_string(command.size()) + ":";
  require(wire.starts_with(head), "the length is that of the command");
  require(wire.size() == head.size() + 16 * (command.size() / 8 + 1), "the number of blocks");
  require(wire.find_first_not_of("0123456789abcdef", head.size()) == std::string::npos, "lower case hex digits");

  std::string back;
  const auto error = cipher.decrypt(wire, back);
  require(static_cast<bool>(error) != is_line(command), "all lines come back, and only lines");
  require(error || back == command, "a command comes back");
}

// A well-formed line of arbitrary blocks, so that decoding gets past the syntax.
std::string line_of(std::string_view blocks, std::size_t length) {
  std::string line = "enc:" + std::to_string(length) + ":";
  for (const char c : blocks) {
    line += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    line += "0123456789ABCDEF"[static_cast<unsigned char>(c) & 15];
  }
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{data, size};
  const std::uint8_t kind = input.byte();
  const SessionCipher cipher{lonc::core::pack_hex(input.text(input.byte() % 40U))};
  const std::size_t length = input.byte();
  const std::string_view text = input.rest();
  switch (kind % 4) {
    case 0:
      check_decrypt(cipher, text);
      break;
    case 1:
      check_decrypt(cipher, "enc:" + std::string{text});
      break;
    case 2:
      check_decrypt(cipher, line_of(text, length));
      break;
    default:
      check_encrypt(cipher, text);
      break;
  }
  return 0;
}
