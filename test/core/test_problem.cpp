#include "support/catch.hpp"

#include <lonc/core/problem.hpp>

using lonc::core::Problem;
using lonc::core::to_string;

TEST_CASE("a problem is told as file, line, kind, text and remedy") {
  CHECK(to_string(Problem{Problem::Kind::warning, "a.tab", 7, "odd line", "mend it"}) ==
        "a.tab:7: warning: odd line; mend it");
}

TEST_CASE("what a problem has not is left out") {
  CHECK(to_string(Problem{Problem::Kind::error, "a.tab", 0, "can not be read", ""}) == "a.tab: error: can not be read");
  CHECK(to_string(Problem{Problem::Kind::note, "", 0, "by the way", ""}) == "note: by the way");
}
