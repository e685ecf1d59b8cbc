// A finding about a configuration file, told to the administrator as file, line, what and remedy.
#pragma once

#include <cstddef>
#include <string>

namespace lonc::core {

struct Problem {
  enum class Kind {
    note,     // worth knowing, nothing to do
    warning,  // lonc goes on, but probably not as was meant
    error,    // this line or setting can not be used
  };
  Kind kind = Kind::error;
  std::string file;      // as given by the caller; empty if it is about the command line or no file
  std::size_t line = 0;  // from 1; 0 if the finding is about the whole file
  std::string text;  // outside text in it is escaped, also for the log
  std::string remedy;
};

// "FILE:LINE: warning: TEXT; REMEDY", without the parts that are not there.
std::string to_string(const Problem& problem);

}  // namespace lonc::core
