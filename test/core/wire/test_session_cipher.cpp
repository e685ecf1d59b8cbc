#include "support/catch.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/core/wire/session_cipher.hpp>

#include <string>
#include <string_view>

using lonc::core::derive_session_key;
using lonc::core::Errc;
using lonc::core::pack_hex;
using lonc::core::SessionCipher;

namespace {

SessionCipher first_cipher() {
  return SessionCipher{derive_session_key("msul3", "data1", "81234A0ABCDEF9870BCD0045678")};
}

std::string encrypted(const SessionCipher& cipher, std::string_view command) {
  std::string wire;
  cipher.encrypt(command, wire);
  return wire;
}

std::string decrypted(const SessionCipher& cipher, std::string_view line) {
  std::string reply = "left over";
  const auto error = cipher.decrypt(line, reply);
  REQUIRE_FALSE(error);
  return reply;
}

bool is_refused(const SessionCipher& cipher, std::string_view line) {
  std::string reply = "left over";
  const auto error = cipher.decrypt(line, reply);
  return error == Errc::reply_not_decodable && reply.empty();
}

}  // namespace

TEST_CASE("the standard IDEA vector") {
  const SessionCipher cipher{pack_hex("00010002000300040005000600070008")};
  const std::string plain{"\0\0\0\1\0\2\0\3", 8};
  CHECK(encrypted(cipher, plain).substr(0, 6 + 16) == "enc:8:11fbed2b01986de5");
}

TEST_CASE("known encrypted requests") {
  const SessionCipher cipher = first_cipher();
  CHECK(encrypted(cipher, "ping") == "enc:4:9d9dd89823d2a488");
  CHECK(encrypted(cipher, "12345678") == "enc:8:710222f7e2af1d8e5b37ece2cbdaa5f3");
  CHECK(encrypted(cipher, "auth:msu:korte:s3cret") == "enc:21:cc0dade72a1043f04b90dbddd2ef308664e84f737f443863");
  CHECK(encrypted(cipher, "") == "enc:0:5b37ece2cbdaa5f3");
  CHECK(encrypted(cipher, "xxxxxxxxxxxxxxx") == "enc:15:5ebe1170a46b189087443dac7badccff");
  CHECK(encrypted(cipher, "xxxxxxxxxxxxxxxx") == "enc:16:5ebe1170a46b18905ebe1170a46b18905b37ece2cbdaa5f3");

  const SessionCipher second{derive_session_key("msua_1", "fsul-2", "77777777777777777777777")};
  CHECK(encrypted(second, "ping") == "enc:4:0b8a1661407b8f50");
  CHECK(encrypted(second, "12345678") == "enc:8:d73215f7ec1923f0f601a110491e29ed");

  const SessionCipher third{derive_session_key("l1", "l2", "4711")};
  CHECK(encrypted(third, "ping") == "enc:4:9cafe73da251f398");
}

TEST_CASE("known encrypted replies") {
  const SessionCipher cipher = first_cipher();
  CHECK(decrypted(cipher, "enc:4:9d9dd89823d2a488") == "ping");
  CHECK(decrypted(cipher, "enc:4:9D9DD89823D2a488") == "ping");
  CHECK(decrypted(cipher, "enc:0004:9d9dd89823d2a488") == "ping");
  CHECK(decrypted(cipher, "enc:21:cc0dade72a1043f04b90dbddd2ef308664e84f737f443863") == "auth:msu:korte:s3cret");
  CHECK(decrypted(cipher, "enc:6:9d9dd89823d2a488") == "ping  ");
}

TEST_CASE("a reply may end with or without a block of padding") {
  const SessionCipher cipher = first_cipher();
  CHECK(decrypted(cipher, "enc:8:710222f7e2af1d8e5b37ece2cbdaa5f3") == "12345678");
  CHECK(decrypted(cipher, "enc:8:710222f7e2af1d8e") == "12345678");
  CHECK(decrypted(cipher, "enc:0:5b37ece2cbdaa5f3").empty());
  CHECK(decrypted(cipher, "enc:0:").empty());
  CHECK(decrypted(cipher, "enc:4:9d9dd89823d2a4885b37ece2cbdaa5f3") == "ping");
  CHECK(is_refused(cipher, "enc:4:9d9dd89823d2a4885b37ece2cbdaa5f35b37ece2cbdaa5f3"));
  CHECK(is_refused(cipher, "enc:0:5b37ece2cbdaa5f35b37ece2cbdaa5f3"));
}

TEST_CASE("malformed replies are refused") {
  const SessionCipher cipher = first_cipher();
  for (const std::string_view line : {"",
                                      "enc",
                                      "enc:",
                                      "enc:4",
                                      "enc::9d9dd89823d2a488",
                                      "enc:4:",
                                      "ping",
                                      "ENC:4:9d9dd89823d2a488",
                                      "enc:9:9d9dd89823d2a488",
                                      "enc:-4:9d9dd89823d2a488",
                                      "enc:+4:9d9dd89823d2a488",
                                      "enc: 4:9d9dd89823d2a488",
                                      "enc:4 :9d9dd89823d2a488",
                                      "enc:4x:9d9dd89823d2a488",
                                      "enc:0x4:9d9dd89823d2a488",
                                      "enc:4:9d9dd89823d2a48",
                                      "enc:4:9d9dd89823d2a4881",
                                      "enc:4:9d9dd89823d2a488 ",
                                      "enc:4:9d9dd89823d2a488\r",
                                      "enc:4:9d9dd89823d2a48g",
                                      "enc:4:g d9dd89823d2a488",
                                      "enc:4::9d9dd89823d2a48",
                                      "enc:4:9d9dd89823d2a48\xff",
                                      "enc:18446744073709551615:9d9dd89823d2a488",
                                      "enc:18446744073709551616:9d9dd89823d2a488",
                                      "enc:99999999999999999999999999999999:9d9dd89823d2a488"}) {
    INFO(line);
    CHECK(is_refused(cipher, line));
  }
}

TEST_CASE("text that is not a single line is refused") {
  const SessionCipher cipher = first_cipher();
  CHECK(is_refused(cipher, encrypted(cipher, "ok\n")));
  CHECK(is_refused(cipher, encrypted(cipher, "ok\nother user's data")));
  CHECK(is_refused(cipher, encrypted(cipher, std::string{"o\0k", 3})));
  CHECK(decrypted(cipher, encrypted(cipher, "ok\r\t\xff")) == "ok\r\t\xff");
}

TEST_CASE("a line end in the padding is removed with it") {
  const SessionCipher cipher = first_cipher();
  std::string line = encrypted(cipher, "ok\n\n\n");
  line.replace(4, 1, "2");
  CHECK(decrypted(cipher, line) == "ok");
}

TEST_CASE("every length from 0 to 100 is decrypted correctly, and has the number of blocks that receivers expect") {
  const SessionCipher cipher{derive_session_key("l1", "l2", "4711")};
  std::string text;
  for (std::size_t length = 0; length <= 100; ++length) {
    const std::string line = encrypted(cipher, text);
    const std::string head = "enc:" + std::to_string(length) + ":";
    REQUIRE(line.starts_with(head));
    REQUIRE(line.size() == head.size() + 16 * (length / 8 + 1));
    REQUIRE(decrypted(cipher, line) == text);
    text += static_cast<char>(' ' + length % 95);
  }
}

TEST_CASE("a large record is decrypted correctly") {
  const SessionCipher cipher = first_cipher();
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "key=value&"[i % 10];
  CHECK(decrypted(cipher, encrypted(cipher, text)) == text);
}

TEST_CASE("output strings keep their memory") {
  const SessionCipher cipher = first_cipher();
  std::string wire;
  std::string reply;
  cipher.encrypt(std::string(1000, 'x'), wire);
  REQUIRE_FALSE(cipher.decrypt(wire, reply));
  const char* const wire_memory = wire.data();
  const char* const reply_memory = reply.data();
  cipher.encrypt("auth:msu:korte:s3cret", wire);
  REQUIRE_FALSE(cipher.decrypt(wire, reply));
  CHECK(reply == "auth:msu:korte:s3cret");
  CHECK(wire.data() == wire_memory);
  CHECK(reply.data() == reply_memory);
}

TEST_CASE("another key does not decrypt the line") {
  const SessionCipher cipher = first_cipher();
  const SessionCipher other{derive_session_key("data1", "msul3", "81234A0ABCDEF9870BCD0045678")};
  const std::string line = encrypted(cipher, "auth:msu:korte:s3cret");
  std::string reply;
  const auto error = other.decrypt(line, reply);
  CHECK((error || reply != "auth:msu:korte:s3cret"));
}

TEST_CASE("an all-zero key is valid") {
  const SessionCipher cipher{lonc::core::SessionKey{}};
  CHECK(decrypted(cipher, encrypted(cipher, "ping")) == "ping");
}

TEST_CASE("the prefix alone decides what is encrypted") {
  using lonc::core::is_encrypted_reply;
  using lonc::core::is_encrypted_request;
  CHECK(is_encrypted_request("encrypt:ping"));
  CHECK_FALSE(is_encrypted_request("encrypt"));
  CHECK_FALSE(is_encrypted_request("Encrypt:ping"));
  CHECK_FALSE(is_encrypted_request("xencrypt:ping"));
  CHECK(is_encrypted_reply("enc:4:00"));
  CHECK_FALSE(is_encrypted_reply("enc"));
  CHECK_FALSE(is_encrypted_reply("encrypt:ping"));
}
