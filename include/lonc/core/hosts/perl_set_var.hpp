// PerlSetVar lines of Apache's configuration files, which LON-CAPA's daemons share with mod_perl.
#pragma once

#include <lonc/core/base/error.hpp>

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
  std::vector<PerlSetVar> variables;  // in the order of the file; the last one of a name wins
  std::vector<Problem> problems;      // lines that the parser of 2002 would have read differently (warning)
};

// Reads by the newer rules: comments are ignored, leading blanks are allowed, quotes are removed. `file` is used only
// as a name in the problems. Problems are reported only for names for which `is_ours` is true, or for all names if it
// is null.
PerlSetVarFile parse_perl_set_var(std::string_view text, std::string_view file,
                                  bool (*is_ours)(std::string_view name) = nullptr);

}  // namespace lonc::core
