// Findings about the daemon from what it says of itself. Pure.
#pragma once

#include "status_document.hpp"

#include <lonc/core/problem.hpp>

#include <vector>

namespace lonc::ctl {

std::vector<core::Problem> check_daemon(const StatusDocument& status);

}  // namespace lonc::ctl
