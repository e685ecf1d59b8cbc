#include "check_locks.hpp"

#include <lonc/app/process_info.hpp>
#include <lonc/app/read_file.hpp>
#include <lonc/core/number.hpp>

#include <sys/stat.h>

#include <string>

namespace lonc::ctl {

namespace {

using core::Problem;

Problem finding(Problem::Kind kind, std::string file, std::string text, std::string remedy) {
  return {kind, std::move(file), 0, std::move(text), std::move(remedy)};
}

std::optional<pid_t> holder_of(const std::string& path, const std::string& proc_locks) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return app::lock_holder(proc_locks, info.st_ino);
}

bool is_lonc(const std::optional<std::string>& name) { return name && name->starts_with("lonc"); }

std::string process(pid_t pid, const std::string& name) { return "process " + std::to_string(pid) + " (" + name + ")"; }

// A lock whose taker is gone: a child that it left behind has the file open still.
Problem orphaned_lock(const std::string& path, pid_t pid) {
  return finding(Problem::Kind::error, path,
                 "it is locked, but process " + std::to_string(pid) +
                     " that took the lock has ended: a child of it has the file open still",
                 "find that with `fuser -v " + path + "`, and end it");
}

void check_pid_file(std::vector<Problem>& problems, const std::string& path, const std::string& proc_locks) {
  std::string text;
  if (app::read_file(path, text)) return;
  if (text.ends_with('\n')) text.pop_back();
  const auto pid = core::number_in<pid_t>(text);
  const auto holder = holder_of(path, proc_locks);
  if (holder && !app::process_name(*holder)) return problems.push_back(orphaned_lock(path, *holder));
  if (holder) return;
  const auto name = pid ? app::process_name(*pid) : std::nullopt;
  if (!name) {
    problems.push_back(finding(Problem::Kind::warning, path,
                               "it was left by a lonc that ended without clearing up; loncron is deceived by it",
                               "start lonc, which replaces it, or remove it"));
  } else if (is_lonc(name)) {
    problems.push_back(
        finding(Problem::Kind::error, path,
                "it names " + process(*pid, *name) + ", which holds no lock on it: another lonc, of 2002",
                "end that one (kill " + std::to_string(*pid) + "), then start this one"));
  } else {
    problems.push_back(finding(
        Problem::Kind::error, path,
        "it is stale and names " + process(*pid, *name) + ", which is no lonc: whoever goes by it signals a stranger",
        "start lonc, which replaces it, or remove it"));
  }
}

void check_spool_lock(std::vector<Problem>& problems, const std::string& path, const std::string& pid_file,
                      const std::string& proc_locks) {
  const auto holder = holder_of(path, proc_locks);
  if (!holder) return;
  const auto name = app::process_name(*holder);
  if (!name) return problems.push_back(orphaned_lock(path, *holder));
  // A loncctl is done in a moment, and a lonc that is the one of the pid file may hold it.
  if (*name == "loncctl" || holder == holder_of(pid_file, proc_locks)) return;
  problems.push_back(finding(Problem::Kind::error, path,
                             process(*holder, *name) +
                                 " holds this lock and is not the lonc of the pid file: until it ends, no delayed "
                                 "message is sent",
                             "if it is not just stopping, end it: kill " + std::to_string(*holder)));
}

}  // namespace

std::vector<Problem> check_locks(const Node& node) {
  std::string proc_locks;
  if (app::read_file("/proc/locks", proc_locks)) return {};
  const std::string pid_file = node.settings.daemon_dir + "/logs/lonc.pid";
  std::vector<Problem> problems;
  check_pid_file(problems, pid_file, proc_locks);
  check_spool_lock(problems, node.delayed + "/.lock", pid_file, proc_locks);
  return problems;
}

}  // namespace lonc::ctl
