// How loncctl ends; a script may rely on these numbers (loncctl(1)).
#pragma once

#include <stdexcept>
#include <string>

namespace lonc::ctl {

enum class ExitCode {
  ok = 0,
  failed = 1,       // what was asked for could not be done, or not all of it; check has found something
  usage = 2,        // the command line can not be understood
  unreachable = 3,  // settings, lonc or its directory can not be used
  no_match = 4,     // there is no such message or host
  con_lost = 5,     // call: lonc has answered con_lost
  error_reply = 6,  // call: the answer begins with `error:`
  timeout = 7,      // call: no answer within --timeout
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
