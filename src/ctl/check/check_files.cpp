#include "checks.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/check/socket_sweep.hpp>
#include <lonc/os/accounts.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/process.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>

namespace lonc::ctl {

namespace {

using core::Problem;
using Kind = Problem::Kind;

constexpr std::size_t most_messages = 1000;  // whose times are checked
constexpr std::chrono::minutes tolerated{1};

std::optional<struct stat> look_at(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return info;
}

// Files whose times reveal a wrong clock.
std::vector<std::string> dated_files(const Node& node) {
  const node::Settings& settings = node.settings;
  std::vector<std::string> paths{settings.tab_dir + "/hosts.tab", settings.daemon_dir + "/logs/lonc.log",
                                 settings.daemon_dir + "/logs/lonc.pid", settings.daemon_dir + "/logs/lonnet.perm.log",
                                 settings.doc_root + "/lon-status/loncstatus.json"};
  std::error_code error;
  std::size_t count = 0;
  for (std::filesystem::directory_iterator entry(node.delayed, error), end; entry != end; entry.increment(error)) {
    if (entry->path().filename().native().starts_with('.')) continue;
    if (++count > most_messages) break;
    paths.push_back(entry->path());
  }
  return paths;
}

constexpr std::uint64_t kilobyte = 1024;
constexpr std::uint64_t megabyte = kilobyte * 1024;

std::optional<pid_t> holder_of(const std::string& path, const std::string& proc_locks) {
  const auto info = look_at(path);
  return info ? os::lock_holder(proc_locks, info->st_ino) : std::nullopt;
}

std::string process(pid_t pid, const std::string& name) { return fmt::format("process {} ({})", pid, name); }

// A lock whose process has ended: a child that it left behind still has the file open.
Problem orphaned_lock(const std::string& path, pid_t pid) {
  return finding(
      Kind::error, path,
      fmt::format("it is locked, but process {} that took the lock has ended: a child of it still has the file open",
                  pid),
      "find that with `fuser -v " + path + "`, and end it");
}

std::optional<Problem> check_pid_file(const std::string& path, const std::string& proc_locks) {
  std::string text;
  if (os::read_file(path, text)) return std::nullopt;
  if (const auto holder = holder_of(path, proc_locks)) {
    if (os::process_name(*holder)) return std::nullopt;
    return orphaned_lock(path, *holder);
  }
  const auto pid = core::number_in<pid_t>(core::trim(text));
  const auto name = pid ? os::process_name(*pid) : std::nullopt;
  if (!name)
    return finding(Kind::warning, path, "it was left by a lonc that ended without cleaning up, and misleads loncron",
                   "start lonc, which replaces it, or remove it");
  if (name->starts_with("lonc"))
    return finding(Kind::error, path,
                   fmt::format("it names {}, which holds no lock on it: it is a lonc of 2002", process(*pid, *name)),
                   fmt::format("end that one (kill {}), then start this one", *pid));
  return finding(
      Kind::error, path,
      fmt::format("it is stale and names {}, which is not a lonc: programs that use it signal the wrong process",
                  process(*pid, *name)),
      "start lonc, which replaces it, or remove it");
}

std::optional<Problem> check_spool_lock(const std::string& path, const std::string& pid_file,
                                        const std::string& proc_locks) {
  const auto holder = holder_of(path, proc_locks);
  if (!holder) return std::nullopt;
  const auto name = os::process_name(*holder);
  if (!name) return orphaned_lock(path, *holder);
  // A loncctl releases it in a moment, and the lonc named in the pid file may hold it.
  if (*name == "loncctl" || holder == holder_of(pid_file, proc_locks)) return std::nullopt;
  return finding(Kind::error, path,
                 process(*holder, *name) +
                     " holds this lock and is not the lonc of the pid file: until it ends, no delayed message is sent",
                 fmt::format("if it is not just stopping, end it: kill {}", *holder));
}

}  // namespace

std::vector<Problem> check_modes(const Node& node) {
  const node::Settings& settings = node.settings;
  std::vector<Problem> problems;
  for (const std::string& path : {settings.socket_dir, node.delayed, settings.daemon_dir + "/logs"})
    if (const auto info = look_at(path); info && (info->st_mode & S_IWOTH) != 0)
      problems.push_back(finding(Kind::warning, path, "any local user could replace lonc's sockets or messages here",
                                 "chmod o-w " + path));
  for (const std::string& path :
       {node.delayed, node.delayed + "/.lock", node.delayed + "/.sending", node.delayed + "/quarantine",
        settings.daemon_dir + "/logs/lonc.log", settings.daemon_dir + "/logs/lonnet.perm.log",
        settings.doc_root + "/lon-status/loncstatus.txt", settings.doc_root + "/lon-status/loncstatus.json"}) {
    // A missing file is no problem: lonc creates it if the directory allows that.
    const auto info = look_at(path);
    if (!info || ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0) continue;
    const std::string error = os::last_error().message();  // before another call changes errno
    problems.push_back(
        finding(Kind::error, path,
                fmt::format("lonc cannot write to it: {}; it belongs to {}", error, os::user_name(info->st_uid)),
                "chown " + settings.user + " " + path));
  }
  return problems;
}

std::vector<Problem> check_leftovers(const Node& node, const core::HostTable& hosts) {
  std::vector<std::string> ids;
  std::vector<std::string> names;
  std::ranges::transform(hosts.hosts, std::back_inserter(ids), &core::Host::id);
  std::ranges::transform(hosts.hosts, std::back_inserter(names), &core::Host::name);
  const std::vector<std::string> left = node::find_abandoned(node.settings.socket_dir, ids, names);
  if (left.empty()) return {};
  const std::string text = left.size() == 1 ? left.front() + " was"
                                            : fmt::format("{} files, {} among them, were", left.size(), left.front());
  return {finding(Kind::warning, node.settings.socket_dir,
                  text + " left by a daemon that ended without cleaning up; programs that use them get no answer",
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
  if (count > 1) text += fmt::format(", and so were {} more files", count - 1);
  return {finding(Kind::warning, printable(first), text + ": the clock is behind, or was set back",
                  "compare it with `timedatectl`, and let a time service (chrony, systemd-timesyncd) set it")};
}

std::optional<Problem> judge_room(const std::string& path, const DiskRoom& room) {
  constexpr std::uint64_t least_bytes = 64 * kilobyte;
  constexpr std::uint64_t least_files = 8;
  constexpr std::uint64_t wanted_bytes = 512 * megabyte;
  constexpr std::uint64_t wanted_part = 20;  // as a divisor: 1/20
  if (room.total_bytes > 0 && room.free_bytes < least_bytes)
    return finding(Kind::error, path, "the disk is full: delayed messages, log or status can no longer be written",
                   "make space on it; `df -h " + path + "` shows which disk it is");
  if (room.total_files > 0 && room.free_files < least_files)
    return finding(Kind::error, path, "the disk can hold no more files: it has no inodes left",
                   "remove files from it; `df -i " + path + "` shows which disk it is");
  if (room.free_bytes < wanted_bytes && room.free_bytes < room.total_bytes / wanted_part)
    return finding(Kind::warning, path,
                   fmt::format("only {} MB of {} MB are free on this disk", room.free_bytes / megabyte,
                               room.total_bytes / megabyte),
                   "make space on it before it is full; `df -h " + path + "` shows which disk it is");
  return std::nullopt;
}

std::vector<Problem> check_disks(const Node& node) {
  const node::Settings& settings = node.settings;
  std::vector<Problem> problems;
  std::set<dev_t> seen;
  for (const std::string& path :
       {node.delayed, settings.socket_dir, settings.daemon_dir + "/logs", settings.doc_root + "/lon-status"}) {
    const auto info = look_at(path);
    struct statvfs disk{};
    if (!info || !seen.insert(info->st_dev).second || ::statvfs(path.c_str(), &disk) != 0) continue;
    add(problems, judge_room(path, {.free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize,
                                    .total_bytes = std::uint64_t{disk.f_blocks} * disk.f_frsize,
                                    .free_files = disk.f_favail,
                                    .total_files = disk.f_files}));
  }
  return problems;
}

std::vector<Problem> check_locks(const Node& node) {
  std::string proc_locks;
  if (os::read_file("/proc/locks", proc_locks)) return {};
  const std::string pid_file = node.settings.daemon_dir + "/logs/lonc.pid";
  std::vector<Problem> problems;
  add(problems, check_pid_file(pid_file, proc_locks));
  add(problems, check_spool_lock(node.delayed + "/.lock", pid_file, proc_locks));
  return problems;
}

}  // namespace lonc::ctl
