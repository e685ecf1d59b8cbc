#include "support/catch.hpp"

#include <lonc/core/text.hpp>

#include <string>

using lonc::core::command_word;
using lonc::core::escape_outside_text;

TEST_CASE("the command word is what stands before the first colon") {
  CHECK(command_word("ping") == "ping");
  CHECK(command_word("put:msu:korte:environment:a=b") == "put");
  CHECK(command_word("auth:msu:korte:s3cret") == "auth");
  CHECK(command_word("du2:x") == "du2");
  CHECK(command_word("close_connection_exit") == "close_connectio");
  CHECK(command_word(":x").empty());
  CHECK(command_word("").empty());
}

TEST_CASE("encrypt: is not the command word of an encrypted request") {
  CHECK(command_word("encrypt:auth:msu:korte:s3cret") == "auth");
  CHECK(command_word("encrypt:ping") == "ping");
  CHECK(command_word("encrypt:").empty());
  CHECK(command_word("encrypt") == "?");
  CHECK(command_word("Encrypt:auth:x") == "Encrypt");
}

TEST_CASE("a command word is no longer than fifteen bytes") {
  CHECK(command_word("abcdefghijklmno:") == "abcdefghijklmno");
  CHECK(command_word("abcdefghijklmnop:") == "abcdefghijklmno");
  CHECK(command_word(std::string(100'000, 'x') + ":") == "xxxxxxxxxxxxxxx");
}

TEST_CASE("a request without a colon is shown only if it is a command without arguments") {
  CHECK(command_word("userload") == "userload");
  CHECK(command_word("exit") == "exit");
  CHECK(command_word("silentPW4711") == "?");
  CHECK(command_word("encrypt:silentPW4711") == "?");
  CHECK(command_word("pingpong") == "?");
  CHECK(command_word("ping ") == "?");
}

TEST_CASE("bytes that no command has are shown as question marks") {
  CHECK(command_word("a b<c>&\t\r\x01\xff-.:") == "a?b?c????????");
  CHECK(command_word(std::string{"a\0b:c", 5}) == "a?b");
}

TEST_CASE("outside text can not become markup, a column or a line") {
  CHECK(escape_outside_text("plain text: 1_2-3 \"'\\%") == "plain text: 1_2-3 \"'\\%");
  CHECK(escape_outside_text("<font color=red>a&b</font>") == "&lt;font color=red&gt;a&amp;b&lt;/font&gt;");
  CHECK(escape_outside_text("a\tb\nc\rd") == "a\\x09b\\x0ac\\x0dd");
  CHECK(escape_outside_text(std::string{"\0\x1b\x7f\x80\xff", 5}) == "\\x00\\x1b\\x7f\\x80\\xff");
  CHECK(escape_outside_text("").empty());
}

TEST_CASE("outside text that is too long is cut and marked") {
  CHECK(escape_outside_text("12345", 5) == "12345");
  CHECK(escape_outside_text("123456", 5) == "12345...");
  CHECK(escape_outside_text("<<<", 2) == "&lt;&lt;...");
  CHECK(escape_outside_text("x", 0) == "...");
  CHECK(escape_outside_text(std::string(200, 'y')) == std::string(200, 'y'));
  CHECK(escape_outside_text(std::string(201, 'y')) == std::string(200, 'y') + "...");
}
