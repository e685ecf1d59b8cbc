#include "check_disk.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <set>

namespace lonc::ctl {

namespace {

using core::Problem;

constexpr std::uint64_t kilobyte = 1024;
constexpr std::uint64_t megabyte = kilobyte * 1024;

std::optional<DiskRoom> room_at(const std::string& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return std::nullopt;
  return DiskRoom{.free_bytes = std::uint64_t{info.f_bavail} * info.f_frsize,
                  .total_bytes = std::uint64_t{info.f_blocks} * info.f_frsize,
                  .free_files = info.f_favail,
                  .total_files = info.f_files};
}

}  // namespace

std::optional<Problem> judge_room(const std::string& path, const DiskRoom& room) {
  constexpr std::uint64_t least_bytes = 64 * kilobyte;
  constexpr std::uint64_t least_files = 8;
  constexpr std::uint64_t wanted_bytes = 512 * megabyte;
  constexpr std::uint64_t wanted_part = 20;  // one of so many
  const auto problem = [&path](Problem::Kind kind, const std::string& text, const std::string& remedy) {
    return Problem{kind, path, 0, text, remedy};
  };
  if (room.total_bytes > 0 && room.free_bytes < least_bytes)
    return problem(Problem::Kind::error, "the disk is full: delayed messages, log or status are not written any more",
                   "make room on it; `df -h " + path + "` shows which it is");
  if (room.total_files > 0 && room.free_files < least_files)
    return problem(Problem::Kind::error, "the disk can hold no more files, however much room it has",
                   "remove files from it; `df -i " + path + "` shows which it is");
  if (room.free_bytes < wanted_bytes && room.free_bytes < room.total_bytes / wanted_part)
    return problem(Problem::Kind::warning,
                   "only " + std::to_string(room.free_bytes / megabyte) + " MB of " +
                       std::to_string(room.total_bytes / megabyte) + " MB are free on this disk",
                   "make room on it before it is full; `df -h " + path + "` shows which it is");
  return std::nullopt;
}

std::vector<Problem> check_disks(const Node& node) {
  const app::Settings& settings = node.settings;
  std::vector<Problem> problems;
  std::set<dev_t> seen;
  for (const std::string& path :
       {node.delayed, settings.socket_dir, settings.daemon_dir + "/logs", settings.doc_root + "/lon-status"}) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0 || !seen.insert(info.st_dev).second) continue;
    const auto room = room_at(path);
    if (!room) continue;
    if (auto problem = judge_room(path, *room)) problems.push_back(std::move(*problem));
  }
  return problems;
}

}  // namespace lonc::ctl
