#include "support/catch.hpp"

#include <lonc/core/answer_order.hpp>
#include <lonc/core/command_set.hpp>
#include <lonc/core/fifo.hpp>

#include <string>

using lonc::core::AnswerOrder;
using lonc::core::CommandSet;
using lonc::core::Fifo;

TEST_CASE("AnswerOrder: a line that had arrived before its request was written is not its answer") {
  AnswerOrder order;
  order.written_to_quiet();    // request 0
  order.about_to_write(2, 10);  // 1 and 2 go behind it; ten bytes have arrived, which can only answer 0
  CHECK(order.is_possible(0));
  SECTION("the answers came after them") {
    CHECK(order.is_possible(10));
    CHECK(order.is_possible(14));
  }
  SECTION("a second line was in those ten bytes") { CHECK_FALSE(order.is_possible(5)); }
  SECTION("each batch has a limit of its own") {
    order.about_to_write(1, 30);
    CHECK(order.is_possible(10));
    CHECK(order.is_possible(14));
    CHECK_FALSE(order.is_possible(29));
  }
}

TEST_CASE("AnswerOrder: what was not written has no answer") {
  AnswerOrder order;
  CHECK_FALSE(order.is_possible(0));
}

TEST_CASE("AnswerOrder: where nothing is pipelined, nothing is impossible") {
  AnswerOrder order;
  for (std::uint64_t begin = 0; begin != 100; ++begin) {
    order.written_to_quiet();
    CHECK(order.is_possible(begin));
  }
}

TEST_CASE("Fifo gives back what was put in, in order, while it grows and goes round") {
  Fifo<std::string> fifo;
  int in = 0;
  int out = 0;
  for (int round = 1; round != 20; ++round) {
    for (int i = 0; i != round; ++i) fifo.push(std::to_string(in++));
    CHECK(fifo.front() == std::to_string(out));
    CHECK(fifo.back() == std::to_string(in - 1));
    for (std::size_t i = 0; i != fifo.size(); ++i) CHECK(fifo[i] == std::to_string(out + static_cast<int>(i)));
    while (fifo.size() > 3) CHECK(fifo.pop() == std::to_string(out++));
  }
}

TEST_CASE("CommandSet takes words and nothing else") {
  const auto set = CommandSet::parse(" keys,get ,  get\tls2");
  REQUIRE(set);
  CHECK(set->to_string() == "get, keys, ls2");
  CHECK(set->contains("get"));
  CHECK_FALSE(set->contains("ge"));
  CHECK_FALSE(set->contains(""));
  CHECK(CommandSet::parse("")->to_string().empty());
  CHECK_FALSE(CommandSet::parse("get:x"));
  CHECK_FALSE(CommandSet::parse("get; put"));
}
