#include "crash/recorder.hpp"

#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <filesystem>
#include <utility>

namespace lonc::test {

namespace {

bool is_recording = false;
std::string root;
Recording recording;
std::map<unsigned long, int> objects;  // by inode
int last_object = 0;

using Kind = Operation::Kind;

int object_of(const struct stat& info) {
  const auto at = objects.find(info.st_ino);
  return at == objects.end() ? -1 : at->second;
}

int object_of(int fd) {
  struct stat info{};
  return is_recording && ::fstat(fd, &info) == 0 ? object_of(info) : -1;
}

int object_at(int directory, const char* name) {
  struct stat info{};
  return ::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 ? object_of(info) : -1;
}

int new_object(const struct stat& info) {
  const int object = ++last_object;
  objects[info.st_ino] = object;
  recording.inodes[object] = info.st_ino;
  return object;
}

// Splits a path below the root; otherwise `directory` is that of the call.
int parent_of(int directory, std::string& name) {
  if (!name.starts_with('/')) return object_of(directory);
  const auto slash = name.rfind('/');
  const int parent = is_recording && name.starts_with(root) ? object_at(AT_FDCWD, name.substr(0, slash).c_str()) : -1;
  name.erase(0, slash + 1);
  return parent;
}

void add(Operation operation) { recording.operations.push_back(std::move(operation)); }

void read_tree(const std::string& path, int directory) {
  auto& names = recording.before.directories[directory];
  for (const auto& entry : std::filesystem::directory_iterator{path}) {
    struct stat info{};
    if (::stat(entry.path().c_str(), &info) != 0) continue;
    const int object = new_object(info);
    names[entry.path().filename().string()] = object;
    if (entry.is_directory()) {
      read_tree(entry.path().string(), object);
    } else {
      recording.before.files[object] = read_file(entry.path().string());
    }
  }
}

int open_recorded(int directory, const char* path, int flags, unsigned mode) {
  std::string name = path;
  const int parent = (flags & O_CREAT) != 0 ? parent_of(directory, name) : -1;
  const bool is_new = parent >= 0 && ::faccessat(directory, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
  const auto fd = static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
  struct stat info{};
  if (is_new && fd >= 0 && ::fstat(fd, &info) == 0)
    add({.kind = Kind::add, .object = parent, .target = new_object(info), .name = name});
  return fd;
}

int rename_recorded(int from, const char* name, int to, const char* new_name, unsigned flags) {
  const int source = object_of(from);
  const int destination = object_of(to);
  const int target = is_recording ? object_at(from, name) : -1;
  const auto result = static_cast<int>(::syscall(SYS_renameat2, from, name, to, new_name, flags));
  if (result != 0 || target < 0) return result;
  if (source == destination) {
    add({.kind = Kind::move, .object = source, .target = target, .name = name, .new_name = new_name});
  } else {
    add({.kind = Kind::add, .object = destination, .target = target, .name = new_name});
    const auto place = static_cast<int>(recording.operations.size()) - 1;
    add({.kind = Kind::remove, .object = source, .target = target, .name = name, .added_by = place});
  }
  return result;
}

void sync_recorded(int fd) {
  if (const int object = object_of(fd); object >= 0) add({.kind = Kind::sync, .object = object});
}

int make_directory(int directory, const char* path, unsigned mode) {
  std::string name = path;
  const int parent = parent_of(directory, name);
  const auto result = static_cast<int>(::syscall(SYS_mkdirat, directory, path, mode));
  struct stat info{};
  if (result == 0 && parent >= 0 && ::fstatat(directory, path, &info, 0) == 0)
    add({.kind = Kind::add, .object = parent, .target = new_object(info), .name = name});
  if (result == 0 && parent >= 0) recording.before.directories[last_object];
  return result;
}

}  // namespace

void begin_recording(const std::string& directory) {
  root = directory;
  recording = {};
  objects.clear();
  last_object = 0;
  struct stat info{};
  if (::stat(root.c_str(), &info) == 0) objects[info.st_ino] = 0;
  read_tree(root, 0);
  is_recording = true;
}

void record_mark(Operation::Kind kind, const std::string& name) {
  if (is_recording) add({.kind = kind, .name = name});
}

Recording end_recording() {
  is_recording = false;
  return std::move(recording);
}

}  // namespace lonc::test

using namespace lonc::test;

extern "C" {

// The fourth argument is read whether or not it is there, as the C library itself does.
int openat(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(rest, unsigned) : 0;
  va_end(rest);
  return open_recorded(directory, path, flags, mode);
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(rest, unsigned) : 0;
  va_end(rest);
  return open_recorded(AT_FDCWD, path, flags, mode);
}

int mkdirat(int directory, const char* path, mode_t mode) noexcept { return make_directory(directory, path, mode); }

int unlinkat(int directory, const char* name, int flags) noexcept {
  const int parent = object_of(directory);
  const int target = parent >= 0 ? object_at(directory, name) : -1;
  const auto result = static_cast<int>(::syscall(SYS_unlinkat, directory, name, flags));
  if (result == 0 && target >= 0)
    add({.kind = Operation::Kind::remove, .object = parent, .target = target, .name = name});
  return result;
}

int renameat(int from, const char* name, int to, const char* new_name) noexcept {
  return rename_recorded(from, name, to, new_name, 0);
}

int renameat2(int from, const char* name, int to, const char* new_name, unsigned flags) noexcept {
  return rename_recorded(from, name, to, new_name, flags);
}

int fsync(int fd) {
  sync_recorded(fd);
  return 0;
}

int fdatasync(int fd) {
  sync_recorded(fd);
  return 0;
}

ssize_t write(int fd, const void* bytes, std::size_t size) {
  const int object = object_of(fd);
  struct stat info{};
  off_t offset = 0;
  if (object >= 0) {
    const bool is_append = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;
    offset = is_append && ::fstat(fd, &info) == 0 ? info.st_size : ::lseek(fd, 0, SEEK_CUR);
  }
  const ssize_t written = ::syscall(SYS_write, fd, bytes, size);
  if (object >= 0 && written > 0)
    add({.kind = Operation::Kind::write,
         .object = object,
         .offset = static_cast<std::size_t>(offset),
         .bytes = std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(written))});
  return written;
}

}  // extern "C"
