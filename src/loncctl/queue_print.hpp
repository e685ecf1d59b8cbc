// What `loncctl queue` prints: tables and sentences for people, JSON for programs.
#pragma once

#include <lonc/app/queue_request.hpp>

#include <nlohmann/json_fwd.hpp>

namespace lonc::ctl {

// To standard output; what was not done goes to standard error.
void print_queue(const nlohmann::json& answer, app::QueueAction action, bool is_json);

}  // namespace lonc::ctl
