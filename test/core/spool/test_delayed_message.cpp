#include "support/catch.hpp"

#include <lonc/core/spool/delayed_message.hpp>

namespace lonc::core::test {

namespace {

// "whole LINE", "unterminated LINE", "empty" or "bad: REASON".
std::string check(std::string_view content, std::size_t limit = 20) {
  const CheckedContent checked = check_delayed_content(content, "msul1", limit);
  switch (checked.kind) {
    case DelayedContent::whole:
      CHECK(checked.reason.empty());
      return "whole " + std::string(checked.line);
    case DelayedContent::unterminated:
      CHECK(checked.reason.empty());
      return "unterminated " + std::string(checked.line);
    case DelayedContent::empty:
      return "empty: " + checked.reason;
    case DelayedContent::bad:
      return "bad: " + checked.reason;
  }
  return {};
}

}  // namespace

TEST_CASE("of an answer to a delayed message only a word of the protocol is logged, never possible data") {
  CHECK(reply_word("ok") == "ok");
  CHECK(reply_word("ok:17") == "ok");
  CHECK(reply_word("error: no such user") == "error");
  CHECK(reply_word("") == "empty");
  CHECK(reply_word("s3cret") == "other");
  CHECK(reply_word("s3cret ok") == "other");
}

TEST_CASE("a delayed message is one line") {
  CHECK(check("put:x\n") == "whole put:x");
  CHECK(check("put:x\n\n\n") == "whole put:x");
  CHECK(check(" \n") == "whole  ");
  CHECK(check("p\xfct\r\n") == "whole p\xfct\r");
  CHECK(check("put:x") == "unterminated put:x");
  CHECK(check("") == "empty: it is empty");
  CHECK(check("\n") == "bad: its line is empty");
  CHECK(check("\n\n") == "bad: its line is empty");
  CHECK(check("put:x\nput:y\n") == "bad: it contains several lines");
  CHECK(check("put:x\nput:y") == "bad: it contains several lines");
  CHECK(check("\nput:y") == "bad: it contains several lines");
  CHECK(check(std::string_view("put\0x\n", 6)) == "bad: it contains a NUL byte");
  CHECK(check(std::string_view("put:x\n\0", 7)) == "bad: it contains a NUL byte");
  CHECK(check(std::string_view("\0\0\0\0", 4)) == "bad: it contains a NUL byte");
}

TEST_CASE("a delayed message is at most as long as the line limit") {
  CHECK(check("12345678\n", 8) == "whole 12345678");
  CHECK(check("12345678", 8) == "unterminated 12345678");
  CHECK(check("123456789\n", 8) == "bad: its line is longer than max-line-length");
  CHECK(check("123456789", 8) == "bad: its line is longer than max-line-length");
  CHECK(check("12345678\nx", 8) == "bad: it contains several lines");
  // The rest of the file was not read, so it may contain more.
  CHECK(check("12345678\n\n", 8) == "bad: it is longer than max-line-length");
  CHECK(check("1\n\n\n\n\n\n\n\n\n", 8) == "bad: it is longer than max-line-length");
  CHECK(check("1\n\n\n\n\n\n\n\n", 8) == "whole 1");
}

TEST_CASE("a line that begins with the host id of its own file name comes from another writer") {
  CHECK(check("msul1:put:x\n").starts_with("bad: its line begins with the host id"));
  CHECK(check("msul1:put:x").starts_with("bad: its line begins with the host id"));
  CHECK(check("msul1\n") == "whole msul1");
  CHECK(check("msul10:put:x\n") == "whole msul10:put:x");
  CHECK(check("msul2:put:x\n") == "whole msul2:put:x");
  CHECK(check("msul\n") == "whole msul");
}

TEST_CASE("the answer decides what happens to a delayed message") {
  for (const char* reply :
       {"ok", "ok:1", "delayed", "no_such_file", "errors", "con_delayed", "1", ":", "not_found", " ", " ok"}) {
    INFO(reply);
    CHECK(judge_delayed_reply(reply) == DelayedVerdict::delivered);
  }
  for (const char* reply : {"", "con_lost", "con_lost:x"}) {
    INFO(reply);
    CHECK(judge_delayed_reply(reply) == DelayedVerdict::retry);
  }
  for (const char* reply :
       {"refused", "rejected", "unknown_cmd", "error", "error: 2 no such file", "error:x", "refused by policy"}) {
    INFO(reply);
    CHECK(judge_delayed_reply(reply) == DelayedVerdict::set_aside);
  }
}

TEST_CASE("the record of a sent message contains the command as filed, but no arguments of an encrypted one") {
  CHECK(sent_record("msul1", "put:msu:korte:a=b") == "S:msul1:put:msu:korte:a=b");
  CHECK(sent_record("msul1", "log") == "S:msul1:log");
  CHECK(sent_record("a.b-c", "log:<x>") == "S:a.b-c:log:<x>");
  CHECK(sent_record("msul1", "encrypt:passwd:msu:korte:secret") == "S:msul1:encrypt:passwd");
  CHECK(sent_record("msul1", "encrypt:secretwithoutanycolon").size() <=
        std::string_view("S:msul1:encrypt:").size() + 15);
  CHECK(sent_record("msul1", "encrypt:") == "S:msul1:encrypt:");
  CHECK(sent_record("msul1", "Encrypt:x") == "S:msul1:Encrypt:x");
}

}  // namespace lonc::core::test
