#include "support/catch.hpp"

#include <lonc/core/hosts/perl_set_var.hpp>

#include <string>
#include <vector>

using lonc::core::parse_perl_set_var;

namespace {

struct Case {
  std::string_view line;
  std::string_view value;    // of X; "-" if it is not set
  std::string_view warning;  // part of the one problem; empty if there is none
};

}  // namespace

TEST_CASE("PerlSetVar lines are read in their order, with their numbers") {
  const auto file = parse_perl_set_var(
      "<Location />\nPerlSetVar lonHostID msul1\nPerlSetVar\tlondPort \t 5663  \r\nPerlSetVar lonHostID msul2",
      "access.conf");
  REQUIRE(file.variables.size() == 3);
  CHECK(file.variables[0].name == "lonHostID");
  CHECK(file.variables[0].value == "msul1");
  CHECK(file.variables[0].line == 2);
  CHECK(file.variables[1].name == "londPort");
  CHECK(file.variables[1].value == "5663");
  CHECK(file.variables[2].value == "msul2");
  CHECK(file.variables[2].line == 4);
  CHECK(file.problems.empty());
}

TEST_CASE("each line is read by the current rules, with a warning if the parser of 2002 read it differently") {
  const auto sample = GENERATE(values<Case>({
      {"PerlSetVar X Y", "Y", ""},
      {"PerlSetVar X Y   ", "Y", ""},
      {"# PerlSetVar X Y", "-", ""},
      {"  #PerlSetVar X Y", "-", ""},
      {"#PerlSetVar X Y", "-", "X is not set by this line, but the parser of 2002 would have"},
      {"##PerlSetVar X Y", "-", "would have set it"},
      {"MyPerlSetVar X Y", "-", "would have set it"},
      {"# see PerlSetVar", "-", ""},
      {"  PerlSetVar X Y", "Y", "indented"},
      {"\tPerlSetVar X Y", "Y", "indented"},
      {"PerlSetVar X \"Y\"", "Y", "quotes"},
      {"PerlSetVar X 'Y Z'", "Y Z", "quotes"},
      {"PerlSetVar X \"a\\\"b\\\\c\\d\"", "a\"b\\c\\d", "quotes"},
      {"PerlSetVar X \"\"", "", "quotes"},
      {"PerlSetVar X \"Y", "Y", "unclosed quote"},
      {"PerlSetVar X \"Y\" Z", "Y", "after the closing quote"},
      {"PerlSetVar X Y Z", "Y Z", "first word"},
      {"perlsetvar X Y", "Y", "spelling"},
      {"PERLSETVAR X Y", "Y", "spelling"},
      {"PerlSetVar X", "-", "no value"},
      {"PerlSetVar", "-", ""},
      {"PerlSetVarX X Y", "-", "would have set it"},
      {"perlsetvarx X Y", "-", ""},
      {"PerlAddVar X Y", "-", ""},
      {"", "-", ""},
  }));
  CAPTURE(sample.line);
  const auto file = parse_perl_set_var(sample.line, "f");
  if (sample.value == "-") {
    CHECK(file.variables.empty());
  } else {
    REQUIRE(file.variables.size() == 1);
    CHECK(file.variables[0].name == "X");
    CHECK(file.variables[0].value == sample.value);
  }
  if (sample.warning.empty()) {
    CHECK(file.problems.empty());
  } else {
    REQUIRE(file.problems.size() == 1);
    CAPTURE(file.problems[0].text);
    CHECK(file.problems[0].text.find(sample.warning) != std::string::npos);
    CHECK(file.problems[0].text.starts_with("X "));
    CHECK(file.problems[0].kind == lonc::core::Problem::Kind::warning);
    CHECK(file.problems[0].file == "f");
    CHECK(file.problems[0].line == 1);
    CHECK_FALSE(file.problems[0].remedy.empty());
  }
}

TEST_CASE("warnings are reported only for the requested names") {
  const auto is_ours = [](std::string_view name) { return name == "ours"; };
  const auto file =
      parse_perl_set_var("  PerlSetVar other 1\n#PerlSetVar other 2\n  PerlSetVar ours 3\n", "f", is_ours);
  CHECK(file.variables.size() == 2);
  REQUIRE(file.problems.size() == 1);
  CHECK(file.problems[0].line == 3);
}

TEST_CASE("a byte order mark and NUL bytes do no harm") {
  const auto file = parse_perl_set_var(std::string_view("\xEF\xBB\xBFPerlSetVar a b\nPerlSetVar c d\0e\n", 35), "f");
  REQUIRE(file.variables.size() == 2);
  CHECK(file.variables[0].name == "a");
  CHECK(file.variables[1].value == std::string_view("d\0e", 3));
}
