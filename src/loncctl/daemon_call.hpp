// Asks the running daemon, and says in words why it could not be asked.
#pragma once

#include "admin_client.hpp"
#include "exit_code.hpp"
#include "node.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace lonc::ctl {

// lonc does not run, or runs with another admin socket.
bool is_nobody_there(const AdminResponse& response);

// For a response with an error: what is wrong, and what to do.
Failure not_reached(const Node& node, const AdminResponse& response);

// For a response that is no success.
Failure refused(const AdminResponse& response);

// The body of a success. Throws Failure if it is none.
std::string success(const Node& node, AdminResponse response);

// The answer as it came. Throws Failure unless it is a success.
std::string get_from_daemon(const Node& node, const std::string& target, const Patience& patience = {});
std::string post_to_daemon(const Node& node, const std::string& target, const nlohmann::json& body);

}  // namespace lonc::ctl
