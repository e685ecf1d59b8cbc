// Delayed messages without sockets and files: the real engines of some peers and the real spool, on a disk in memory
// that forgets what was not synced. The process dies, or the power goes, before any step of the disk.
#pragma once

#include <cstdint>

namespace lonc::sim {

// Like run_script() in run.hpp.
void run_spool(std::uint64_t seed, bool is_tracing);

}  // namespace lonc::sim
