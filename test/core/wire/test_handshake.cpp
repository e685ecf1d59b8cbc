#include "support/catch.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/core/wire/handshake.hpp>

#include <string>
#include <string_view>

using lonc::core::derive_session_key;
using lonc::core::Errc;
using lonc::core::Handshake;
using Step = lonc::core::Handshake::Step;

namespace {

// A handshake between data1 (this server) and msul3, brought to `step`.
Handshake at(Step step, bool send_pong = true) {
  Handshake handshake{"msul3", "data1", send_pong};
  std::string send;
  for (const std::string_view line : {"12345987", "ok", "msul3:data1", "81234A0ABCDEF9870BCD0045678"}) {
    if (handshake.step() == step) break;
    if (line.starts_with("msul3") && !send_pong) continue;
    REQUIRE_FALSE(handshake.on_line(line, send));
  }
  REQUIRE(handshake.step() == step);
  return handshake;
}

std::error_code error_at(Step step, std::string_view line) {
  Handshake handshake = at(step);
  std::string send = "left over";
  const auto error = handshake.on_line(line, send);
  CHECK((!error || send.empty()));
  CHECK((!error || handshake.step() == step));
  return error;
}

std::string warning_for(std::string_view pong) {
  Handshake handshake = at(Step::pong);
  std::string send;
  REQUIRE_FALSE(handshake.on_line(pong, send));
  REQUIRE(send == "ekey");
  std::string warning = handshake.take_warning();
  CHECK(handshake.take_warning().empty());
  return warning;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a whole handshake with pong") {
  Handshake handshake{"msul3", "data1", true};
  std::string send;
  CHECK(handshake.start() == "init");
  CHECK(handshake.step() == Step::init);
  REQUIRE_FALSE(handshake.on_line("1234598765", send));
  CHECK(send == "1234598765");
  CHECK(handshake.step() == Step::challenge);
  REQUIRE_FALSE(handshake.on_line("ok", send));
  CHECK(send == "pong");
  CHECK(handshake.step() == Step::pong);
  REQUIRE_FALSE(handshake.on_line("msul3:data1", send));
  CHECK(send == "ekey");
  CHECK(handshake.step() == Step::ekey);
  REQUIRE_FALSE(handshake.on_line("81234A0ABCDEF9870BCD0045678", send));
  CHECK(send.empty());
  CHECK(handshake.step() == Step::done);
  CHECK(handshake.session_key() == derive_session_key("msul3", "data1", "81234A0ABCDEF9870BCD0045678"));
  CHECK(handshake.take_warning().empty());
}

TEST_CASE("a handshake without pong continues from ok to ekey") {
  Handshake handshake{"msul3", "data1", false};
  std::string send;
  REQUIRE_FALSE(handshake.on_line("1", send));
  REQUIRE_FALSE(handshake.on_line("ok", send));
  CHECK(send == "ekey");
  CHECK(handshake.step() == Step::ekey);
  REQUIRE_FALSE(handshake.on_line("4711", send));
  CHECK(handshake.step() == Step::done);
  CHECK(handshake.session_key() == derive_session_key("msul3", "data1", "4711"));
}

TEST_CASE("the challenge is returned unchanged") {
  for (const std::string_view challenge :
       {"0", " 12 34 ", "any printable line: ~!<>&%", "12345\r", "ok", "refused ", "refused\r"}) {
    Handshake handshake{"msul3", "data1", true};
    std::string send;
    INFO(challenge);
    REQUIRE_FALSE(handshake.on_line(challenge, send));
    CHECK(send == challenge);
  }
}

TEST_CASE("invalid challenges") {
  CHECK(error_at(Step::init, "refused") == Errc::handshake_refused);
  CHECK(error_at(Step::init, "") == Errc::handshake_garbage);
  CHECK(error_at(Step::init, "\r") == Errc::handshake_garbage);
  CHECK(error_at(Step::init, "12\r3") == Errc::handshake_garbage);
  CHECK(error_at(Step::init, "12\r\r") == Errc::handshake_garbage);
  CHECK(error_at(Step::init, "12\t3") == Errc::handshake_garbage);
  CHECK(error_at(Step::init, "12\x7f") == Errc::handshake_garbage);
  CHECK(error_at(Step::init, "\x16\x03\x01\x02") == Errc::handshake_garbage);
  CHECK(error_at(Step::init, "gr\xc3\xbc\xc3\x9f") == Errc::handshake_garbage);
  CHECK(error_at(Step::init, std::string_view{"12\0", 3}) == Errc::handshake_garbage);
}

TEST_CASE("only ok is ok") {
  CHECK_FALSE(error_at(Step::challenge, "ok"));
  CHECK(error_at(Step::challenge, "refused") == Errc::handshake_refused);
  for (const std::string_view line :
       {"", "ok\r", "OK", "ok ", " ok", "okay", "ok:ssl", "12345987", "error:x", "\xff"}) {
    INFO(line);
    CHECK(error_at(Step::challenge, line) == Errc::handshake_wrong);
  }
}

TEST_CASE("invalid build keys") {
  CHECK(error_at(Step::ekey, "") == Errc::handshake_garbage);
  CHECK(error_at(Step::ekey, "\r") == Errc::handshake_garbage);
  CHECK(error_at(Step::ekey, "4711\r") == Errc::handshake_garbage);
  CHECK(error_at(Step::ekey, "47\x01") == Errc::handshake_garbage);
  CHECK(error_at(Step::ekey, "47\x80") == Errc::handshake_garbage);
  CHECK(error_at(Step::ekey, "refused") == Errc::handshake_wrong);
  CHECK(error_at(Step::ekey, "error") == Errc::handshake_wrong);
  CHECK(error_at(Step::ekey, "error: 107 not connected") == Errc::handshake_wrong);
  CHECK(error_at(Step::ekey, "unknown_cmd") == Errc::handshake_wrong);
  CHECK(error_at(Step::ekey, "unknown_cmd:ekey") == Errc::handshake_wrong);
  CHECK_FALSE(error_at(Step::ekey, "47_-.11"));
}

TEST_CASE("a line of exactly the maximum length is accepted, a longer one is an error at every step") {
  const std::string longest(Handshake::line_limit, '1');
  const std::string longer(Handshake::line_limit + 1, '1');
  CHECK_FALSE(error_at(Step::init, longest));
  CHECK_FALSE(error_at(Step::ekey, longest));
  for (const Step step : {Step::init, Step::challenge, Step::pong, Step::ekey}) {
    CHECK(error_at(step, longer) == Errc::handshake_too_long);
  }
}

TEST_CASE("nothing is expected after the handshake") { CHECK(error_at(Step::done, "msul3") == Errc::out_of_turn); }

TEST_CASE("a correct pong causes no warning") {
  CHECK(warning_for("msul3:data1").empty());
  CHECK(warning_for("msul3:con_lost").empty());
  CHECK(warning_for("msul3").empty());
}

TEST_CASE("a pong from another server causes a warning with both ids and what to check") {
  for (const std::string_view pong :
       {"msul1:data1", "msul33:data1", "msul:data1", "xmsul3:data1", "MSUL3:data1", ":"}) {
    const std::string warning = warning_for(pong);
    INFO(warning);
    CHECK(contains(warning, "msul3"));
    CHECK(contains(warning, "'" + std::string{pong.substr(0, pong.find(':'))} + "'"));
    CHECK(contains(warning, "hosts.tab"));
  }
  CHECK(contains(warning_for(""), "answers pong with ''"));
  CHECK(contains(warning_for("unknown_cmd"), "'unknown_cmd'"));
}

TEST_CASE("a peer that knows this server by another id causes a warning") {
  const std::string warning = warning_for("msul3:data2");
  INFO(warning);
  CHECK(contains(warning, "msul3"));
  CHECK(contains(warning, "'data2'"));
  CHECK(contains(warning, "data1"));
  CHECK(contains(warning, "encrypted requests to it may fail"));
  CHECK(contains(warning, "hosts.tab"));
  CHECK_FALSE(warning_for("msul3:").empty());
  CHECK_FALSE(warning_for("msul3:data1:").empty());
  CHECK_FALSE(warning_for("msul3:DATA1").empty());
  CHECK_FALSE(warning_for("msul3:con_lost2").empty());
}

TEST_CASE("a warning contains no markup and no control bytes of the peer") {
  const std::string first = warning_for("<b>\t\x1b:x");
  CHECK(contains(first, "'&lt;b&gt;\\x09\\x1b'"));
  const std::string second = warning_for("msul3:<i>\x01");
  CHECK(contains(second, "'&lt;i&gt;\\x01'"));
}

TEST_CASE("steps have names for status and log") {
  CHECK(to_string(Step::init) == "init");
  CHECK(to_string(Step::challenge) == "challenge");
  CHECK(to_string(Step::pong) == "pong");
  CHECK(to_string(Step::ekey) == "ekey");
  CHECK(to_string(Step::done) == "done");
}
