// How loncctl ends; a script may rely on these numbers (loncctl(1)).
#pragma once

#include <stdexcept>
#include <string>

namespace lonc::ctl {

enum class ExitCode {
  ok = 0,
  failed = 1,       // what was asked for could not be done, or not all of it
  usage = 2,        // the command line can not be understood
  unreachable = 3,  // settings, lonc or its directory can not be used
  no_match = 4,     // there is no such message
};

// Ends the program, with a text for the administrator that names the remedy.
class Failure : public std::runtime_error {
 public:
  Failure(ExitCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

}  // namespace lonc::ctl
