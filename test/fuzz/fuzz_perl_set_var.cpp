// PerlSetVar files as arbitrary bytes: names without blanks, values of one line, problems that can be shown.
#include "fuzz_input.hpp"

#include <lonc/core/hosts/perl_set_var.hpp>

#include <algorithm>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::require;
  fuzz::Input input{data, size};
  const auto text = input.rest();
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  const auto file = lonc::core::parse_perl_set_var(text, "f");
  require(file.variables.size() <= lines && file.problems.size() <= lines, "at most one of each a line");
  std::size_t line = 0;
  for (const auto& variable : file.variables) {
    require(variable.line > line && variable.line <= lines, "in the order of the lines");
    line = variable.line;
    require(!variable.name.empty() && variable.name.find_first_of(" \t\n") == std::string::npos, "a name is a word");
    require(variable.value.find('\n') == std::string::npos, "a value is one line");
  }
  for (const auto& problem : file.problems) {
    const auto is_clean = [](char c) { return c >= 0x20 && c <= 0x7e && c != '<' && c != '>'; };
    require(std::all_of(problem.text.begin(), problem.text.end(), is_clean), "a problem can be shown");
    require(!problem.remedy.empty(), "a problem has a remedy");
  }
  return 0;
}
