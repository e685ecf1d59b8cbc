// Groups of the system by name.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace lonc::net {

// Nothing if there is no such group, or the system can not say.
std::optional<gid_t> group_id(const std::string& name);

}  // namespace lonc::net
