#include <lonc/app/machine_check.hpp>

#include <lonc/app/descriptor_limit.hpp>
#include <lonc/app/user_check.hpp>
#include <lonc/net/group_id.hpp>
#include <lonc/net/log_file.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::app {

namespace {

using core::Problem;

// May give files to this group.
bool is_member(gid_t id) {
  if (::geteuid() == 0 || ::getegid() == id) return true;
  const int count = ::getgroups(0, nullptr);
  if (count <= 0) return false;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  return ::getgroups(count, groups.data()) == count && std::find(groups.begin(), groups.end(), id) != groups.end();
}

// Why files can not be made in a directory; empty if they can.
std::string directory_fault(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::generic_category().message(errno);
  if (!S_ISDIR(status.st_mode)) return std::generic_category().message(ENOTDIR);
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return std::generic_category().message(errno);
  }
  return {};
}

class Checker {
 public:
  explicit Checker(const LoadedSettings& loaded) : loaded_(loaded), settings_(loaded.settings) {}

  std::vector<Problem> check(std::size_t peers) {
    check_account();
    check_group(Problem::Kind::error, "socket-group", settings_.socket_group);
    // Without it the peers are served all the same.
    check_group(Problem::Kind::warning, "admin-group", settings_.admin_group);
    check_directory(Problem::Kind::error, "socket-dir", settings_.socket_dir);
    check_directory(Problem::Kind::error, "daemon-dir", settings_.daemon_dir + "/logs");
    for (const char* log : {"/logs/lonc.log", "/logs/lonnet.perm.log"}) check_log(settings_.daemon_dir + log);
    check_directory(Problem::Kind::warning, "doc-root", settings_.doc_root + "/lon-status");
    check_descriptors(peers);
    return std::move(problems_);
  }

 private:
  void tell(Problem::Kind kind, const char* setting, std::string text, std::string remedy) {
    const auto& origin = loaded_.origins.at(setting);
    problems_.push_back({kind, origin.file, origin.line, std::move(text), std::move(remedy)});
  }

  void check_account() {
    if (auto problem = check_user(settings_, ::geteuid())) {
      tell(Problem::Kind::error, "user", std::move(problem->text), std::move(problem->remedy));
    }
  }

  void check_group(Problem::Kind kind, const char* setting, const std::string& name) {
    if (name.empty()) return;
    const auto id = net::group_id(name);
    if (!id) {
      tell(kind, setting, "there is no group " + name, std::string("create it, or name another with ") + setting);
    } else if (!is_member(*id)) {
      tell(kind, setting, settings_.user + " is not in the group " + name,
           std::string("add the user to the group, or name another with ") + setting);
    }
  }

  void check_directory(Problem::Kind kind, const char* setting, const std::string& path) {
    const auto fault = directory_fault(path);
    if (fault.empty()) return;
    tell(kind, setting, path + " can not be used: " + fault,
         "make it a directory that " + settings_.user + " may write to, or correct " + setting);
  }

  void check_log(const std::string& path) {
    if (const auto fault = net::log_fault(path))
      tell(Problem::Kind::warning, "daemon-dir", path + " can not be written: " + fault.message(),
           "remove it, or put a plain file in its place");
  }

  void check_descriptors(std::size_t peers) {
    rlimit limit{};  // the soft limit is raised to the hard one at the start
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) return;
    auto fit = fit_descriptors(limit.rlim_max, peers, settings_);
    if (!fit.problem) return;
    // However few fit: the daemon goes on with fewer clients, and says so.
    tell(Problem::Kind::warning, "max-clients", std::move(fit.problem->text), std::move(fit.problem->remedy));
  }

  const LoadedSettings& loaded_;
  const Settings& settings_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<core::Problem> check_machine(const LoadedSettings& loaded, std::size_t peers) {
  return Checker(loaded).check(peers);
}

}  // namespace lonc::app
