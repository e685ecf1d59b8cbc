// Users and groups of the system.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <system_error>

namespace lonc::os {

// No value if there is no such group, or the system cannot tell.
std::optional<gid_t> group_id(const std::string& name);

// True if this process may assign files to the group.
bool is_member(gid_t group);

struct UserIds {
  uid_t user = 0;
  gid_t group = 0;  // the user's primary group
};

// No value, and no error, if the system knows no such user.
std::optional<UserIds> find_user(const std::string& name, std::error_code& error);
std::optional<UserIds> find_user(const std::string& name);

// "`www` (uid 33)", or "uid 33" if no user has it.
std::string user_name(uid_t uid);

}  // namespace lonc::os
