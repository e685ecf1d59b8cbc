// Runs one script in this process.
#pragma once

#include "sim/script.hpp"

#include <string>

namespace lonc::sim {

struct Mode {
  bool is_tracing = false;
  bool is_spool = false;  // spool_run.hpp; a script has only a seed then
};

// What it counted is in the world. At a violation World::on_violation is called, and nothing returns.
void run_script(const Script& script, const std::string& directory, const Mode& mode);

}  // namespace lonc::sim
