#include "check_files.hpp"

#include "table.hpp"

#include <lonc/app/socket_sweep.hpp>
#include <lonc/app/user_check.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

namespace lonc::ctl {

namespace {

using core::Problem;

constexpr std::size_t most_messages = 1000;  // looked at for their times
constexpr std::chrono::minutes tolerated{1};

Problem finding(Problem::Kind kind, std::string file, std::string text, std::string remedy) {
  return {kind, std::move(file), 0, std::move(text), std::move(remedy)};
}

std::optional<struct stat> look_at(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return info;
}

void check_directory_mode(std::vector<Problem>& problems, const std::string& path) {
  const auto info = look_at(path);
  if (!info || (info->st_mode & S_IWOTH) == 0) return;
  problems.push_back(finding(Problem::Kind::warning, path,
                             "any user of this machine may write here, and so put a socket or a command of his own in "
                             "place of lonc's",
                             "chmod o-w " + path));
}

// A file that is not there yet is made by lonc, if the directory lets it.
void check_writable(std::vector<Problem>& problems, const std::string& path, const std::string& user) {
  const auto info = look_at(path);
  if (!info || ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0) return;
  problems.push_back(finding(Problem::Kind::error, path,
                             "lonc can not write to it: " + std::generic_category().message(errno) +
                                 "; it belongs to " + app::user_name(info->st_uid),
                             "chown " + user + " " + path));
}

// Files whose times tell of the clock.
std::vector<std::string> dated_files(const Node& node) {
  const app::Settings& settings = node.settings;
  std::vector<std::string> paths{settings.tab_dir + "/hosts.tab", settings.daemon_dir + "/logs/lonc.log",
                                 settings.daemon_dir + "/logs/lonc.pid", settings.daemon_dir + "/logs/lonnet.perm.log",
                                 settings.doc_root + "/lon-status/loncstatus.json"};
  const auto close = [](DIR* stream) { ::closedir(stream); };
  const std::unique_ptr<DIR, decltype(close)> stream{::opendir(node.delayed.c_str()), close};
  if (!stream) return paths;
  std::size_t count = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    if (entry->d_name[0] == '.') continue;
    if (++count > most_messages) break;
    paths.push_back(node.delayed + "/" + entry->d_name);
  }
  return paths;
}

}  // namespace

std::vector<Problem> check_modes(const Node& node) {
  const app::Settings& settings = node.settings;
  std::vector<Problem> problems;
  for (const std::string& path : {settings.socket_dir, node.delayed, settings.daemon_dir + "/logs"})
    check_directory_mode(problems, path);
  for (const std::string& path :
       {node.delayed, node.delayed + "/.lock", node.delayed + "/.sending", node.delayed + "/quarantine",
        settings.daemon_dir + "/logs/lonc.log", settings.daemon_dir + "/logs/lonnet.perm.log",
        settings.doc_root + "/lon-status/loncstatus.txt", settings.doc_root + "/lon-status/loncstatus.json"})
    check_writable(problems, path, settings.user);
  return problems;
}

std::vector<Problem> check_leftovers(const Node& node, const core::HostTable& hosts) {
  std::vector<std::string> ids;
  std::vector<std::string> names;
  for (const core::Host& host : hosts.hosts) {
    ids.push_back(host.id);
    names.push_back(host.name);
  }
  const std::vector<std::string> left = app::find_abandoned(node.settings.socket_dir, ids, names);
  if (left.empty()) return {};
  std::string text = left.size() == 1 ? left.front() + " was" : std::to_string(left.size()) + " files, " + left.front();
  if (left.size() > 1) text += " among them, were";
  return {finding(Problem::Kind::warning, node.settings.socket_dir,
                  text + " left by a daemon that ended without clearing up; programs that meet them wait in vain",
                  "start lonc, or restart it: it removes and replaces them")};
}

std::vector<Problem> check_file_times(const Node& node, WallTime now) {
  std::string first;
  std::chrono::duration<double> furthest{};
  std::size_t count = 0;
  for (const std::string& path : dated_files(node)) {
    const auto info = look_at(path);
    if (!info) continue;
    const auto ahead = WallTime{std::chrono::seconds{info->st_mtime}} - now;
    if (ahead <= tolerated) continue;
    ++count;
    if (ahead <= furthest) continue;
    furthest = ahead;
    first = path;
  }
  if (count == 0) return {};
  std::string text = "was changed " + age_text(furthest) + " ahead of this server's clock";
  if (count > 1) text += ", and so were " + std::to_string(count - 1) + " more files";
  return {finding(Problem::Kind::warning, printable(first), text + ": the clock is behind, or has been put back",
                  "compare it with `timedatectl`, and let a time service (chrony, systemd-timesyncd) set it")};
}

}  // namespace lonc::ctl
