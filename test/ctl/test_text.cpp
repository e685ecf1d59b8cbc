#include "ctl/view/text.hpp"
#include "support/catch.hpp"

#include <chrono>

using namespace lonc::ctl;
using namespace std::chrono_literals;

TEST_CASE("ages are shown in the unit that a person would use") {
  CHECK(age_text(0s) == "0s");
  CHECK(age_text(-5s) == "0s");
  CHECK(age_text(119s) == "119s");
  CHECK(age_text(120s) == "2m");
  CHECK(age_text(119min) == "119m");
  CHECK(age_text(120min) == "2h");
  CHECK(age_text(47h) == "47h");
  CHECK(age_text(48h) == "2d");
}

TEST_CASE("only printable characters reach the terminal") { CHECK(printable("a\x1b[31mb\n\xff~") == "a?[31mb??~"); }

TEST_CASE("columns are as wide as their contents, numbers are right-aligned") {
  const std::vector<Row> rows{{{.text = "PEER"}, {.text = "N", .is_number = true}, {.text = "WHY"}},
                              {{.text = "msul1"}, number_cell(120), {.text = "refused"}},
                              {{.text = "x"}, number_cell(7), {.text = ""}}};
  CHECK(render_table(rows, {}) ==
        "PEER     N  WHY\n"
        "msul1  120  refused\n"
        "x        7\n");
}

TEST_CASE("a line is truncated to the width of the terminal, and marked") {
  const std::vector<Row> rows{{{.text = "msul1"}, {.text = "connection refused"}}};
  CHECK(render_table(rows, {.width = 16}) == "msul1  connec...\n");
  CHECK(render_table(rows, {.width = 25}) == "msul1  connection refused\n");
  CHECK(render_table(rows, {.width = 6}) == "msul1 \n");
  CHECK(render_table(rows, {.width = 3}) == "...\n");
  CHECK(render_line("abcdef", Tone::plain, {.width = 5}) == "ab...\n");
}

TEST_CASE("colour does not count as width") {
  const std::vector<Row> rows{{{.text = "up", .tone = Tone::good}, {.text = "x"}},
                              {{.text = "away", .tone = Tone::bad}, {.text = "y"}}};
  CHECK(render_table(rows, {.has_colour = true}) ==
        "\x1b[32mup  \x1b[0m  x\n"
        "\x1b[31maway\x1b[0m  y\n");
  CHECK(render_table(rows, {}).find('\x1b') == std::string::npos);
}
