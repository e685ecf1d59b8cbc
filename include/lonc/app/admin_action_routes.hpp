// Calls that change what the daemon does: /reconnect, /drain, /reload, /log-level.
#pragma once

#include <lonc/app/admin_api.hpp>
#include <lonc/app/reload_result.hpp>
#include <lonc/core/types.hpp>

#include <cstddef>
#include <functional>
#include <set>
#include <string>

namespace lonc::app {

// Peers that were named, or all.
struct PeerChoice {
  std::set<std::string> ids;
  bool is_all = false;
};

// How many peers that was. With an error nothing was done.
struct PeersDone {
  std::size_t done = 0;
  std::string unknown{};    // an id that is no peer's
  bool is_stopping = false;
};

// Any thread; the answers, too.
struct ActionServices {
  std::function<void(PeerChoice, std::function<void(PeersDone)>)> reconnect;
  std::function<void(PeerChoice, std::function<void(PeersDone)>)> drain;
  std::function<void(bool is_forced, std::function<void(const ReloadResult&)>)> reload;
  std::function<core::Severity()> log_level;
  std::function<void(core::Severity, std::function<void()> done)> set_log_level;  // `done` when it is in force
};

void add_action_routes(AdminApi& api, ActionServices services);

}  // namespace lonc::app
