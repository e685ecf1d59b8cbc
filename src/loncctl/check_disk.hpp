// Findings about the room on the file systems that lonc writes to.
#pragma once

#include "node.hpp"

#include <lonc/core/problem.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lonc::ctl {

struct DiskRoom {
  std::uint64_t free_bytes = 0;   // for lonc, without what is kept for root
  std::uint64_t total_bytes = 0;
  std::uint64_t free_files = 0;
  std::uint64_t total_files = 0;  // 0: this file system does not count them
};

// An error if nothing can be written any more, a warning if that is near.
std::optional<core::Problem> judge_room(const std::string& path, const DiskRoom& room);

// Delayed messages, logs, status; each file system once.
std::vector<core::Problem> check_disks(const Node& node);

}  // namespace lonc::ctl
