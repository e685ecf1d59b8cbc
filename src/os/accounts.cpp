#include <lonc/os/accounts.hpp>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

namespace lonc::os {

namespace {

// An entry of the user database; its strings are in `buffer`.
struct User {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
};

}  // namespace

std::optional<gid_t> group_id(const std::string& name) {
  // The entry of a group with many members may have any size.
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

bool is_member(gid_t group) {
  if (::geteuid() == 0 || ::getegid() == group) return true;
  const int count = ::getgroups(0, nullptr);
  if (count <= 0) return false;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  return ::getgroups(count, groups.data()) == count && std::ranges::find(groups, group) != groups.end();
}

std::optional<UserIds> find_user(const std::string& name, std::error_code& error) {
  User user;
  const int failure = ::getpwnam_r(name.c_str(), &user.entry, user.buffer.data(), user.buffer.size(), &user.found);
  error.assign(user.found == nullptr ? failure : 0, std::system_category());
  if (user.found == nullptr) return std::nullopt;
  return UserIds{.user = user.entry.pw_uid, .group = user.entry.pw_gid};
}

std::optional<UserIds> find_user(const std::string& name) {
  std::error_code ignored;
  return find_user(name, ignored);
}

std::string user_name(uid_t uid) {
  User user;
  ::getpwuid_r(uid, &user.entry, user.buffer.data(), user.buffer.size(), &user.found);
  if (user.found == nullptr) return fmt::format("uid {}", uid);
  return fmt::format("`{}` (uid {})", user.found->pw_name, uid);
}

}  // namespace lonc::os
