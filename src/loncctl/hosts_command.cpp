#include "hosts_command.hpp"

#include "node.hpp"

#include <iostream>

namespace lonc::ctl {

ExitCode run_hosts_command(const Options& options) {
  if (!options.words.empty()) throw app::UsageError("hosts lists all; leave out `" + options.words.front() + "`");
  for (const core::Host& host : read_hosts(find_node(options).settings).hosts) std::cout << host.id << "\n";
  return ExitCode::ok;
}

}  // namespace lonc::ctl
