#include <lonc/node/check/socket_sweep.hpp>

#include <lonc/core/base/text.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/socket_file.hpp>
#include <lonc/os/unique_fd.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

namespace lonc::node {
namespace {

// One directory being swept.
class Sweep {
 public:
  enum class Purpose { remove, find };

  Sweep(const std::string& directory, const std::vector<std::string>& peer_ids,
        const std::vector<std::string>& peer_names, Purpose purpose)
      : directory_(directory), purpose_(purpose) {
    if (purpose == Purpose::remove) kept_sockets_.insert(peer_ids.begin(), peer_ids.end());
    for (const auto* names : {&peer_ids, &peer_names}) {
      for (const std::string& name : *names) lock_names_.insert(name + ".lock");
    }
  }

  SweepResult run() {
    const auto close = [](DIR* stream) { ::closedir(stream); };
    const std::unique_ptr<DIR, decltype(close)> stream{::opendir(directory_.c_str()), close};
    if (!stream) {
      complain(directory_, "read");
      return std::move(result_);
    }
    // Read all names first: what readdir returns while entries are being removed is unspecified.
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(stream.get())) names.emplace_back(entry->d_name);
    for (const std::string& name : names) look_at(name);
    std::ranges::sort(result_.removed);
    std::ranges::sort(result_.problems);
    return std::move(result_);
  }

 private:
  void look_at(const std::string& name) {
    const std::string path = directory_ + "/" + name;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return;
    if (S_ISSOCK(info.st_mode)) look_at_socket(name, path, info);
    if (S_ISREG(info.st_mode)) look_at_file(name, path);
  }

  void look_at_socket(const std::string& name, const std::string& path, const struct stat& info) {
    if (kept_sockets_.contains(name) || !os::is_abandoned_socket(path)) return;
    struct stat again{};
    if (::lstat(path.c_str(), &again) == 0 && os::file_id(info) == os::file_id(again)) remove(name, path);
  }

  void look_at_file(const std::string& name, const std::string& path) {
    if (!lock_names_.contains(name)) return;
    const os::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!fd) return complain(name, "open");
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return;  // in use
    struct stat locked{};
    struct stat at_path{};
    if (::fstat(fd.get(), &locked) != 0 || ::lstat(path.c_str(), &at_path) != 0) return;
    if (os::file_id(locked) == os::file_id(at_path)) remove(name, path);
  }

  void remove(const std::string& name, const std::string& path) {
    if (purpose_ == Purpose::find || ::unlink(path.c_str()) == 0) {
      result_.removed.push_back(core::escape_outside_text(name));
    } else if (errno != ENOENT) {
      complain(name, "remove");
    }
  }

  void complain(const std::string& name, const std::string& what) {
    const std::string reason = os::last_error().message();
    result_.problems.push_back("cannot " + what + " " + core::escape_outside_text(name) + ": " + reason);
  }

  const std::string& directory_;
  const Purpose purpose_;
  std::set<std::string> kept_sockets_;
  std::set<std::string> lock_names_;
  SweepResult result_;
};

}  // namespace

SweepResult sweep_sockets(const std::string& directory, const std::vector<std::string>& peer_ids,
                          const std::vector<std::string>& peer_names) {
  return Sweep(directory, peer_ids, peer_names, Sweep::Purpose::remove).run();
}

std::vector<std::string> find_abandoned(const std::string& directory, const std::vector<std::string>& peer_ids,
                                        const std::vector<std::string>& peer_names) {
  return Sweep(directory, peer_ids, peer_names, Sweep::Purpose::find).run().removed;
}

}  // namespace lonc::node
