// Findings about the pid file and the lock of the delayed messages: held by the wrong process, or left behind.
// Takes no lock itself, so that a lonc that is just starting does not meet it.
#pragma once

#include "node.hpp"

#include <lonc/core/problem.hpp>

#include <vector>

namespace lonc::ctl {

std::vector<core::Problem> check_locks(const Node& node);

}  // namespace lonc::ctl
