#include "support/catch.hpp"

#include <lonc/core/wire/session_cipher.hpp>

#include <string>
#include <string_view>

using lonc::core::derive_session_key;
using lonc::core::pack_hex;

namespace {

std::string hex(const lonc::core::SessionKey& key) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : key) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("known session keys") {
  CHECK(hex(derive_session_key("msul3", "data1", "81234A0ABCDEF9870BCD0045678")) == "62453da3a181234a0abcdef9870bcd00");
  CHECK(hex(derive_session_key("msua_1", "fsul-2", "77777777777777777777777")) == "624af1f245d277777777777777777777");
  CHECK(hex(derive_session_key("l1", "l2", "4711")) == "51524711515247115152471100000000");
}

TEST_CASE("the line end of a build key is not part of the key") {
  CHECK(hex(derive_session_key("l1", "l2", "4711\n")) == "51524711515247115152471100000000");
  CHECK(derive_session_key("msul3", "data1", "81234A0ABCDEF9870BCD0045678\n") ==
        derive_session_key("msul3", "data1", "81234A0ABCDEF9870BCD0045678"));
}

TEST_CASE("the peer's id comes first") {
  CHECK(hex(derive_session_key("data1", "msul3", "81234A0ABCDEF9870BCD0045678")) == "da3a16245381234a0abcdef9870bcd00");
}

TEST_CASE("letters of ids are mapped to hex digits, the build key is used unchanged") {
  CHECK(hex(derive_session_key("abcdefghijklmnopqrstuvwxyz", "", "")) == "abcdef01234567890123456789abcdef");
  CHECK(hex(derive_session_key("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "", "")) == "abcdef01234567890123456789abcdef");
  CHECK(hex(derive_session_key("0123456789", "", "gG")) == "01234567890001234567890001234567");
  CHECK(hex(derive_session_key("a.b-c_d", "", "")) == "aebdcfdaebdcfdaebdcfd00000000000");
}

TEST_CASE("a key of empty parts is all zero") {
  CHECK(hex(derive_session_key("", "", "")) == "00000000000000000000000000000000");
}

TEST_CASE("long ids leave no space for the build key") {
  const std::string id(40, 'a');
  CHECK(hex(derive_session_key(id, "x", "99")) == "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

TEST_CASE("hex digits are packed as Perl packs them") {
  CHECK(hex(pack_hex("0123456789abcdefABCDEF9876543210")) == "0123456789abcdefabcdef9876543210");
  CHECK(hex(pack_hex("ghijklmnopqrstuvwxyz")) == "0123456789abcdef0123000000000000");
  CHECK(hex(pack_hex("GHIJKLMNOPQRSTUVWXYZ")) == "0123456789abcdef0123000000000000");
  CHECK(hex(pack_hex("_-. :\n\r\xff")) == "fde0aadf000000000000000000000000");
  CHECK(hex(pack_hex(std::string{"1\0"
                                 "2",
                                 3})) == "10200000000000000000000000000000");
  CHECK(hex(pack_hex("abc")) == "abc00000000000000000000000000000");
  CHECK(hex(pack_hex("")) == "00000000000000000000000000000000");
  CHECK(hex(pack_hex(std::string(32, '1') + "222")) == std::string(32, '1'));
}
