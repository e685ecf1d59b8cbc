// Runs one script in this process.
#pragma once

#include "sim/script.hpp"

#include <cstdint>
#include <string>

namespace lonc::sim {

struct Mode {
  bool is_tracing = false;
  std::uint64_t days = 0;  // 0: a script of seconds; otherwise one of as many quiet days, with 50 peers
  bool is_spool = false;  // spool_run.hpp; a script has only a seed then
};

// What it counted is in the world. At a violation World::on_violation is called, and nothing returns.
void run_script(const Script& script, const std::string& directory, const Mode& mode);

}  // namespace lonc::sim
