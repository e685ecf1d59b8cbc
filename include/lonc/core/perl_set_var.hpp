// PerlSetVar lines of Apache's configuration files, which LON-CAPA's daemons share with mod_perl.
#pragma once

#include <lonc/core/problem.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

struct PerlSetVar {
  std::string name;
  std::string value;
  std::size_t line = 0;
};

struct PerlSetVarFile {
  std::vector<PerlSetVar> variables;  // in the order of the file; a later one of the same name wins
  std::vector<Problem> problems;      // lines that the parser of 2002 would have read otherwise (warning)
};

// Reads by the later rule: comments are comments, leading blanks are fine, quotes are taken off. `file` is only named
// in the problems. Problems are told only of names for which `is_ours` is true; of all if it is null.
PerlSetVarFile parse_perl_set_var(std::string_view text, std::string_view file,
                                  bool (*is_ours)(std::string_view name) = nullptr);

}  // namespace lonc::core
