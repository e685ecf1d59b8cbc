#include <lonc/app/socket_sweep.hpp>

#include <lonc/core/text.hpp>
#include <lonc/net/file_write.hpp>
#include <lonc/net/socket_file.hpp>
#include <lonc/net/unique_fd.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

namespace lonc::app {
namespace {

constexpr std::string_view lock_suffix = ".lock";

using Names = std::set<std::string, std::less<>>;

bool is_same(const struct stat& left, const struct stat& right) {
  return left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

// One directory being swept.
class Sweep {
 public:
  enum class Purpose { remove, find };

  Sweep(std::string directory, Names ids, Names lock_names, Purpose purpose)
      : directory_(std::move(directory)), ids_(std::move(ids)), lock_names_(std::move(lock_names)), purpose_(purpose) {}

  void look_at(std::string_view name) {
    const std::string path = directory_ + "/" + std::string{name};
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return;
    if (S_ISSOCK(info.st_mode)) look_at_socket(name, path, info);
    if (S_ISREG(info.st_mode)) look_at_file(name, path);
  }

  SweepResult finish() {
    std::sort(result_.removed.begin(), result_.removed.end());
    std::sort(result_.problems.begin(), result_.problems.end());
    return std::move(result_);
  }

  void complain(std::string_view name, std::string_view what) {
    result_.problems.push_back("cannot " + std::string{what} + " " + core::escape_outside_text(name) + ": " +
                               net::last_error().message());
  }

 private:
  void look_at_socket(std::string_view name, const std::string& path, const struct stat& info) {
    if (ids_.contains(name) || !net::is_abandoned_socket(path)) return;
    struct stat again{};
    if (::lstat(path.c_str(), &again) != 0 || !is_same(info, again)) return;
    remove(name, path);
  }

  void look_at_file(std::string_view name, const std::string& path) {
    if (!lock_names_.contains(name)) return;
    const net::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!fd) return complain(name, "open");
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return;  // somebody is at work
    struct stat locked{};
    struct stat at_path{};
    if (::fstat(fd.get(), &locked) != 0 || ::lstat(path.c_str(), &at_path) != 0) return;
    if (is_same(locked, at_path)) remove(name, path);
  }

  void remove(std::string_view name, const std::string& path) {
    if (purpose_ == Purpose::find || ::unlink(path.c_str()) == 0) {
      result_.removed.push_back(core::escape_outside_text(name));
    } else if (errno != ENOENT) {
      complain(name, "remove");
    }
  }

  std::string directory_;
  Names ids_;
  Names lock_names_;
  Purpose purpose_;
  SweepResult result_;
};

Names lock_names_of(const std::vector<std::string>& peer_ids, const std::vector<std::string>& peer_names) {
  Names lock_names;
  for (const auto* names : {&peer_ids, &peer_names}) {
    for (const std::string& name : *names) lock_names.insert(name + std::string{lock_suffix});
  }
  return lock_names;
}

SweepResult look_at_all(Sweep sweep, const std::string& directory) {
  const auto close = [](DIR* stream) { ::closedir(stream); };
  const std::unique_ptr<DIR, decltype(close)> stream{::opendir(directory.c_str()), close};
  if (!stream) {
    sweep.complain(directory, "read");
    return sweep.finish();
  }
  // The names first: what readdir returns while entries go is not defined.
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) names.emplace_back(entry->d_name);
  for (const std::string& name : names) sweep.look_at(name);
  return sweep.finish();
}

}  // namespace

SweepResult sweep_sockets(const std::string& directory, const std::vector<std::string>& peer_ids,
                          const std::vector<std::string>& peer_names) {
  return look_at_all(
      {directory, {peer_ids.begin(), peer_ids.end()}, lock_names_of(peer_ids, peer_names), Sweep::Purpose::remove},
      directory);
}

std::vector<std::string> find_abandoned(const std::string& directory, const std::vector<std::string>& peer_ids,
                                        const std::vector<std::string>& peer_names) {
  return look_at_all({directory, {}, lock_names_of(peer_ids, peer_names), Sweep::Purpose::find}, directory).removed;
}

}  // namespace lonc::app
