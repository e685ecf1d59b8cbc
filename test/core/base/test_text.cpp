#include "support/catch.hpp"

#include <lonc/core/base/text.hpp>

#include <cctype>
#include <string>

using lonc::core::command_word;
using lonc::core::escape_outside_text;

TEST_CASE("the command word is the text before the first colon") {
  CHECK(command_word("ping") == "ping");
  CHECK(command_word("put:msu:korte:environment:a=b") == "put");
  CHECK(command_word("auth:msu:korte:s3cret") == "auth");
  CHECK(command_word("du2:x") == "du2");
  CHECK(command_word("close_connection_exit") == "close_connectio");
  CHECK(command_word(":x").empty());
  CHECK(command_word("").empty());
}

TEST_CASE("the command word of an encrypted request is the word after encrypt:") {
  CHECK(command_word("encrypt:auth:msu:korte:s3cret") == "auth");
  CHECK(command_word("encrypt:ping") == "ping");
  CHECK(command_word("encrypt:").empty());
  CHECK(command_word("encrypt") == "?");
  CHECK(command_word("Encrypt:auth:x") == "Encrypt");
}

TEST_CASE("a command word is at most fifteen bytes long") {
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

TEST_CASE("bytes that occur in no command are shown as question marks") {
  CHECK(command_word("a b<c>&\t\r\x01\xff-.:") == "a?b?c????????");
  CHECK(command_word(std::string{"a\0b:c", 5}) == "a?b");
}

TEST_CASE("text from outside cannot become markup, a column or a line") {
  CHECK(escape_outside_text("plain text: 1_2-3 \"'\\%") == "plain text: 1_2-3 \"'\\%");
  CHECK(escape_outside_text("<font color=red>a&b</font>") == "&lt;font color=red&gt;a&amp;b&lt;/font&gt;");
  CHECK(escape_outside_text("a\tb\nc\rd") == "a\\x09b\\x0ac\\x0dd");
  CHECK(escape_outside_text(std::string{"\0\x1b\x7f\x80\xff", 5}) == "\\x00\\x1b\\x7f\\x80\\xff");
  CHECK(escape_outside_text("").empty());
}

TEST_CASE("text from outside that is too long is truncated and marked") {
  CHECK(escape_outside_text("12345", 5) == "12345");
  CHECK(escape_outside_text("123456", 5) == "12345...");
  CHECK(escape_outside_text("<<<", 2) == "&lt;&lt;...");
  CHECK(escape_outside_text("x", 0) == "...");
  CHECK(escape_outside_text(std::string(200, 'y')) == std::string(200, 'y'));
  CHECK(escape_outside_text(std::string(201, 'y')) == std::string(200, 'y') + "...");
}

TEST_CASE("text from outside is escaped between its quotation marks") {
  CHECK(lonc::core::quoted("a<b\n") == "\"a&lt;b\\x0a\"");
  CHECK(lonc::core::quoted("") == "\"\"");
}

TEST_CASE("only ASCII is converted to lower case, and only ASCII counts as part of a word") {
  CHECK(lonc::core::to_lower(std::string("Msul1.EXAMPLE-[\xc4")) == "msul1.example-[\xc4");
  for (int code = 0; code != 256; ++code) {
    const auto c = static_cast<char>(code);
    INFO(code);
    CHECK(lonc::core::is_word_byte(c) == (code < 128 && (std::isalnum(code) != 0 || c == '_')));
    CHECK(lonc::core::is_control(c) == (code < 128 && std::iscntrl(code) != 0));
  }
}
