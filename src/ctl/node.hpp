// The node that loncctl administers: its settings, its hosts, the users that own its files, and the running daemon,
// which is asked over its admin socket.
#pragma once

#include "clients.hpp"
#include "command_line.hpp"

#include <lonc/core/hosts/host_table.hpp>
#include <lonc/node/config/settings.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace lonc::ctl {

struct Node {
  std::string delayed;       // the directory of delayed messages
  std::string admin_socket;  // path
  node::Settings settings;
};

// Throws Failure if the settings cannot be used.
Node find_node(const Options& options);

// The same, from settings that are known to be usable.
Node node_of(node::Settings settings);

// All hosts that lonc serves. Throws Failure if the table cannot be read.
core::HostTable read_hosts(const node::Settings& settings);

// Null if there is no host with this id.
const core::Host* find_host(const core::HostTable& hosts, const std::string& id);

// Throws Failure(no_match) if there is no host with this id.
void check_host(const node::Settings& settings, const std::string& id);

// If called as root, switches permanently to the owner of the directory, so that lonc can use every file created from
// then on. Throws Failure if there is no directory.
void become_owner(const std::string& directory);

// Switches permanently to this user, so that `check` finds out what lonc may do with a file. Throws Failure if that is
// not possible. Does nothing if there is no such user.
void become_user(const std::string& name);

// The status of 10,000 peers takes two seconds to render, or five on a busy machine.
constexpr std::chrono::milliseconds silence_before_status = std::chrono::seconds{10};

// Why `what`, a socket at `path`, does not accept us: names its owner, and us.
std::string not_yours_text(const std::string& what, const std::string& path);

// True if lonc is not running, or runs with another admin socket.
bool is_nobody_there(const HttpAnswer& answer);

// For an answer with an error: the cause and the remedy.
Failure not_reached(const Node& node, const HttpAnswer& answer);

// For an answer whose status is not a success.
Failure refused(const HttpAnswer& answer);

// The body of a successful answer. Throws Failure for any other.
std::string success(const Node& node, HttpAnswer answer);

// Throws json::exception if the body of an answer is not an object: it comes from a lonc of another version.
nlohmann::json parse_answer(const std::string& body);

// Return the body unchanged. Throw Failure if the answer is not a success.
std::string get_from_daemon(const Node& node, const std::string& target, const CallTimeouts& timeouts = {});
std::string post_to_daemon(const Node& node, const std::string& target, const nlohmann::json& body);

}  // namespace lonc::ctl
