// loncctl check: what is wrong with this node, and what to do about it.
#pragma once

#include "exit_code.hpp"
#include "options.hpp"

namespace lonc::ctl {

// ExitCode::failed if an error or a warning was found. Throws app::UsageError and Failure.
ExitCode run_check_command(const Options& options);

}  // namespace lonc::ctl
