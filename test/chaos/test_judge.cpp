#include "chaos/judge.hpp"
#include "chaos/token.hpp"

#include <catch2/catch.hpp>

using namespace lonc::chaos;
using namespace std::chrono_literals;

namespace {

const Judge::Time start{};

std::string answer_to(std::string_view request, std::uint32_t serial, std::string_view peer = "p1",
                      Kind kind = Kind::answer) {
  return write({kind, peer, 7, serial, hash_of(request)});
}

}  // namespace

TEST_CASE("A judge accepts the right answer and con_lost", "[chaos]") {
  Judge judge;
  auto first = Judge::expect("p1", "x", start + 1s);
  auto second = Judge::expect("p1", "ls", start + 1s);
  auto third = Judge::expect("p1", "ls", start + 1s);
  CHECK(judge.answered(first, answer_to("x", 1)) == Verdict::right);
  CHECK(judge.answered(second, answer_to("ls", 2) + "padding") == Verdict::right);
  CHECK(judge.answered(third, "con_lost") == Verdict::con_lost);
  CHECK(judge.is_content());
  CHECK(judge.decided() == 3);
}

TEST_CASE("A judge detects crossed answers", "[chaos]") {
  Judge judge;
  auto request = Judge::expect("p1", "x", start + 1s);
  SECTION("an answer to another request") { judge.answered(request, answer_to("y", 1)); }
  SECTION("an answer of another peer") { judge.answered(request, answer_to("x", 1, "p2")); }
  SECTION("an unsolicited line") { judge.answered(request, answer_to("x", 1, "p1", Kind::unasked)); }
  SECTION("half an answer") { judge.answered(request, answer_to("x", 1).substr(0, 12)); }
  SECTION("an empty line") { judge.answered(request, ""); }
  SECTION("a line without a pending request") { judge.unasked(); }
  CHECK(judge.count(Verdict::crossed) == 1);
  CHECK_FALSE(judge.is_content());
  CHECK(judge.complaints().size() == 1);
}

TEST_CASE("A judge detects doubled answers, also between identical requests", "[chaos]") {
  Judge judge;
  auto first = Judge::expect("p1", "x", start + 1s);
  auto second = Judge::expect("p1", "x", start + 1s);
  judge.answered(first, answer_to("x", 1));
  CHECK(judge.answered(second, answer_to("x", 1)) == Verdict::doubled);
  CHECK_FALSE(judge.is_content());
}

TEST_CASE("A judge detects lost answers, unless they are excused", "[chaos]") {
  Judge judge;
  auto first = Judge::expect("p1", "x", start + 1s);
  auto second = Judge::expect("p1", "x", start + 1s);
  CHECK(judge.ended(first, true) == Verdict::excused);
  CHECK(judge.is_content());
  CHECK(judge.ended(second, false) == Verdict::lost);
  CHECK_FALSE(judge.is_content());
}

TEST_CASE("A judge detects hung requests and late answers", "[chaos]") {
  Judge judge;
  auto request = Judge::expect("p1", "x", start + 1s);
  CHECK(judge.look(request, start + 999ms) == Verdict::waiting);
  CHECK(judge.look(request, start + 1s) == Verdict::hung);
  judge.answered(request, answer_to("x", 1));
  CHECK(judge.late() == 1);
  CHECK(judge.count(Verdict::right) == 0);
  CHECK(judge.count(Verdict::hung) == 1);
  CHECK_FALSE(judge.is_content());
}
