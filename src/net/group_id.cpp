#include <lonc/net/group_id.hpp>

#include <grp.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace lonc::net {

std::optional<gid_t> group_id(const std::string& name) {
  // Nobody knows how large the entry of a group with many members is.
  constexpr std::size_t most = std::size_t{16} * 1024 * 1024;
  std::vector<char> buffer(4096);
  group entry{};
  ::group* found = nullptr;
  while (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE && buffer.size() < most) {
    buffer.resize(buffer.size() * 4);
  }
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

}  // namespace lonc::net
