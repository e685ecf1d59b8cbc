// Findings about the pid file and the lock of the delayed messages: held by the wrong process, or left behind.
// Takes no lock itself, so that a lonc that is just starting does not meet it.
#pragma once

#include "node.hpp"

#include <lonc/core/problem.hpp>

#include <sys/types.h>

#include <optional>
#include <string_view>
#include <vector>

namespace lonc::ctl {

std::vector<core::Problem> check_locks(const Node& node);

// Who holds a lock by flock(2) on the file with this inode, from the text of /proc/locks. The process may have ended
// and left the file open to a child. Nothing if nobody does.
std::optional<pid_t> lock_holder(std::string_view proc_locks, ino_t inode);

}  // namespace lonc::ctl
