// Has work on the queue done: by lonc while it runs, by this program while it does not. Never both.
#pragma once

#include "node.hpp"

#include <lonc/app/queue_request.hpp>

#include <string>

namespace lonc::ctl {

// The answer as JSON (docs/admin-api.md). Throws Failure.
std::string ask_queue(const Node& node, const app::QueueRequest& request);

}  // namespace lonc::ctl
