#include <lonc/net/file_spool_disk.hpp>

#include <lonc/net/file_write.hpp>
#include <lonc/net/local_time.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

namespace lonc::net {

namespace {

constexpr const char* journal_name = ".sending";
constexpr const char* new_journal_name = ".sending.new";
constexpr const char* lock_name = ".lock";

using Entries = std::unique_ptr<DIR, int (*)(DIR*)>;

// A directory stream of its own: it begins at the beginning, whatever was read before.
Entries entries_of(int directory) {
  UniqueFd fd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Entries entries(fd ? ::fdopendir(fd.get()) : nullptr, &::closedir);
  if (entries) fd.release();
  return entries;
}

std::error_code for_each_name(int directory, const std::function<void(std::string_view)>& use) {
  const Entries entries = entries_of(directory);
  if (!entries) return last_error();
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr) return errno == 0 ? std::error_code() : last_error();
    use(entry->d_name);
  }
}

std::error_code sync(int fd) { return ::fsync(fd) == 0 ? std::error_code() : last_error(); }

// Reads what is there, at most `limit` bytes of it.
std::error_code read_some(int fd, std::size_t limit, std::string& text) {
  constexpr std::size_t step = 64 * 1024;
  text.clear();
  while (text.size() < limit) {
    const std::size_t before = text.size();
    text.resize(std::min(limit, before + step));
    const ssize_t got = ::read(fd, text.data() + before, text.size() - before);
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return {};
    if (got < 0 && errno != EINTR) return last_error();
  }
  return {};
}

// A file of lonc's own. What stands in its place and is no plain file is never waited for, written to or followed: it
// is told like a link.
UniqueFd open_plain(int directory, const char* name, int flags, std::error_code& error) {
  UniqueFd fd(::openat(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0600));
  struct stat info{};
  error = fd && ::fstat(fd.get(), &info) == 0 ? std::error_code() : last_error();
  const bool is_other = error ? errno == ENXIO || errno == ENODEV || errno == EISDIR : !S_ISREG(info.st_mode);
  if (is_other) error = std::make_error_code(std::errc::too_many_symbolic_link_levels);
  return error ? UniqueFd() : std::move(fd);
}

// Since 1970.
std::chrono::nanoseconds change_of(const struct stat& info) {
  return std::chrono::seconds{info.st_mtim.tv_sec} + std::chrono::nanoseconds{info.st_mtim.tv_nsec};
}

core::SpoolFile::State state_of_open_error(int error) {
  using State = core::SpoolFile::State;
  switch (error) {
    case ENOENT:
      return State::missing;
    case ELOOP:  // a link
    case ENXIO:  // a socket, a device without a driver
    case ENODEV:
      return State::not_a_file;
    case EACCES:
    case EPERM:
      return State::unreadable;
    default:
      return State::failed;
  }
}

}  // namespace

FileSpoolDisk::FileSpoolDisk(std::string directory, const std::string& permanent_log)
    : path_(std::move(directory)), log_(permanent_log) {}

void FileSpoolDisk::close() {
  journal_.reset();
  quarantine_.reset();
  directory_.reset();
  lock_.reset();
  directory_lock_.reset();
}

std::error_code FileSpoolDisk::open() {
  close();
  if (::mkdir(path_.c_str(), 0750) != 0 && errno != EEXIST) return last_error();
  UniqueFd directory(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return last_error();
  std::error_code error;
  UniqueFd lock = open_plain(directory.get(), lock_name, O_RDWR | O_CREAT, error);
  // A disk without room for that file is to be emptied all the same: the directory itself is locked as well.
  if (!lock && error.value() != ENOSPC && error.value() != EDQUOT) return error;
  if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return last_error();
  UniqueFd directory_lock(::dup(directory.get()));
  if (::flock(directory_lock.get(), LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || !lock)) return last_error();
  directory_ = std::move(directory);
  lock_ = std::move(lock);
  directory_lock_ = std::move(directory_lock);
  return {};
}

bool FileSpoolDisk::is_current() const {
  struct stat ours{};
  struct stat present{};
  return directory_ && ::fstat(directory_.get(), &ours) == 0 && ::stat(path_.c_str(), &present) == 0 &&
         ours.st_dev == present.st_dev && ours.st_ino == present.st_ino;
}

std::error_code FileSpoolDisk::list(const std::function<void(std::string_view name)>& use) {
  return for_each_name(directory_.get(), [&use](std::string_view name) {
    if (!name.starts_with('.') && name != "quarantine") use(name);
  });
}

core::SpoolFile FileSpoolDisk::read(const std::string& name, std::size_t limit) {
  core::SpoolFile file;
  const UniqueFd fd(
      ::openat(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    file.error = last_error();
    file.state = state_of_open_error(file.error.value());
    return file;
  }
  file.inode = info.st_ino;
  if (!S_ISREG(info.st_mode)) {
    file.state = core::SpoolFile::State::not_a_file;
    return file;
  }
  file.error = read_some(fd.get(), limit, file.content);
  // It may have grown while it was read; the age is that of what was read.
  if (!file.error && ::fstat(fd.get(), &info) != 0) file.error = last_error();
  file.age = age_of(info);
  file.state = !file.error                 ? core::SpoolFile::State::read
               : file.error.value() == EIO ? core::SpoolFile::State::unreadable
                                           : core::SpoolFile::State::failed;
  return file;
}

std::error_code FileSpoolDisk::changed_at(const std::string& name, std::uint64_t& time) {
  time = 0;
  struct stat info{};
  if (::fstatat(directory_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? std::error_code() : last_error();
  time = static_cast<std::uint64_t>(change_of(info).count());
  return {};
}

// What is being written has changed about now. So a file that lies in the future, since the clock was put back, is as
// settled as one of the past.
core::Duration FileSpoolDisk::age_of(const struct stat& info) {
  const auto age = std::chrono::system_clock::now().time_since_epoch() - change_of(info);
  return std::chrono::duration_cast<core::Duration>(age < age.zero() ? -age : age);
}

std::error_code FileSpoolDisk::remove(const std::string& name) {
  return ::unlinkat(directory_.get(), name.c_str(), 0) == 0 || errno == ENOENT ? std::error_code() : last_error();
}

std::error_code FileSpoolDisk::sync_directory() {
  if (std::exchange(is_quarantine_unsynced_, false) && quarantine_) {
    if (const auto error = sync(quarantine_.get())) return error;
  }
  const std::error_code error = sync(directory_.get());
  // Of a descriptor that has told of its error a later sync would say that all is well.
  if (error) {
    UniqueFd anew(::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (anew) directory_ = std::move(anew);
  }
  return error;
}

// One write for the line, since other programs append to the file as well.
std::error_code FileSpoolDisk::append_log(std::string_view message) {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  std::string line = std::to_string(seconds);
  line.append(":").append(message).append(":");
  append_local_time(line, now);
  line += '\n';
  return log_.append(line);
}

// --- the journal

std::error_code FileSpoolDisk::read_journal(std::string& bytes) {
  bytes.clear();
  std::error_code error;
  const UniqueFd fd = open_plain(directory_.get(), journal_name, O_RDONLY, error);
  if (error) return error == std::errc::no_such_file_or_directory ? std::error_code() : error;
  return read_some(fd.get(), std::string::npos, bytes);
}

// Messages come first: the journal takes what is small beside the file system.
bool FileSpoolDisk::is_too_much(std::size_t bytes) const {
  constexpr std::size_t always_small = 8 * 1024;
  constexpr std::uint64_t share = 8;
  struct statvfs info{};
  return bytes > always_small && ::fstatvfs(directory_.get(), &info) == 0 && info.f_blocks > 0 &&
         bytes > static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize / share;
}

std::error_code FileSpoolDisk::replace_journal(std::string_view bytes) {
  if (is_too_much(bytes.size())) return std::make_error_code(std::errc::no_space_on_device);
  const std::error_code error = make_journal(bytes);
  if (error) {
    ::unlinkat(directory_.get(), new_journal_name, 0);
    const bool is_no_room = error.value() == EDQUOT || error.value() == EFBIG;  // the quota, or a limit of the process
    return is_no_room ? std::make_error_code(std::errc::no_space_on_device) : error;
  }
  if (::renameat(directory_.get(), new_journal_name, directory_.get(), journal_name) != 0) return last_error();
  journal_.reset();
  // From here on nobody knows which one is there after a loss of power.
  return sync(directory_.get()) ? std::make_error_code(std::errc::io_error) : std::error_code();
}

// What is written whole has its room, where a file system overwrites in place.
std::error_code FileSpoolDisk::make_journal(std::string_view bytes) {
  ::unlinkat(directory_.get(), new_journal_name, 0);
  const UniqueFd fd(
      ::openat(directory_.get(), new_journal_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return last_error();
  if (const auto error = write_all(fd.get(), bytes)) return error;
  return sync(fd.get());
}

std::error_code FileSpoolDisk::open_journal() {
  if (journal_) return {};
  std::error_code error;
  journal_ = open_plain(directory_.get(), journal_name, O_WRONLY, error);
  return error;
}

std::error_code FileSpoolDisk::write_journal(std::size_t offset, std::string_view bytes) {
  if (const auto error = open_journal()) return error;
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(journal_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    offset += static_cast<std::size_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

std::error_code FileSpoolDisk::sync_journal() {
  if (!journal_ || ::fdatasync(journal_.get()) == 0) return {};
  const std::error_code error = last_error();
  journal_.reset();
  return error;
}

std::string FileSpoolDisk::boot_id() {
  const UniqueFd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd || read_some(fd.get(), 64, text)) return {};
  return text.substr(0, text.find('\n'));
}

// --- the quarantine

std::error_code FileSpoolDisk::open_quarantine() {
  if (quarantine_) return {};
  if (::mkdirat(directory_.get(), "quarantine", 0700) != 0 && errno != EEXIST) return last_error();
  quarantine_.reset(::openat(directory_.get(), "quarantine", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  return quarantine_ ? std::error_code() : last_error();
}

std::error_code FileSpoolDisk::set_aside(const std::string& name, std::string_view reason) {
  constexpr int most_of_a_name = 1000;
  if (const auto error = open_quarantine()) return error;
  std::string file = name;
  std::error_code error = rename_without_replacing(directory_.get(), name, quarantine_.get(), file);
  for (int number = 1; error == std::errc::file_exists && number != most_of_a_name; ++number) {
    file = name + "~" + std::to_string(number);
    error = rename_without_replacing(directory_.get(), name, quarantine_.get(), file);
  }
  if (error == std::errc::no_such_file_or_directory) return {};
  if (error) return error;
  is_quarantine_unsynced_ = true;
  write_reason(file, name, reason);
  return {};
}

// The message is safe without it, so an error is of no consequence: the reason stands in the log as well.
void FileSpoolDisk::write_reason(const std::string& file, const std::string& name, std::string_view reason) {
  std::error_code error;
  const UniqueFd fd = open_plain(quarantine_.get(), (file + ".reason").c_str(), O_WRONLY | O_CREAT, error);
  if (fd && ::ftruncate(fd.get(), 0) == 0) write_all(fd.get(), std::string(reason) + "\n" + name + "\n");
}

QuarantinedMessage FileSpoolDisk::quarantined(const std::string& file) {
  QuarantinedMessage message{.file = file, .name = file.substr(0, file.rfind('~')), .reason = {}};
  struct stat info{};
  if (::fstatat(quarantine_.get(), file.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) message.age = age_of(info);
  std::error_code error;
  const UniqueFd fd = open_plain(quarantine_.get(), (file + ".reason").c_str(), O_RDONLY, error);
  std::string text;
  if (!fd || read_some(fd.get(), 4096, text)) return message;
  const auto end = text.find('\n');
  message.reason = text.substr(0, end);
  const std::string name = end == std::string::npos ? "" : text.substr(end + 1, text.find('\n', end + 1) - end - 1);
  if (!name.empty() && name.find('/') == std::string::npos) message.name = name;
  return message;
}

std::error_code FileSpoolDisk::list_quarantine(const std::function<void(const QuarantinedMessage&)>& use) {
  if (const auto error = open_quarantine()) return error;
  return for_each_name(quarantine_.get(), [&](std::string_view name) {
    constexpr std::string_view reason_suffix = ".reason";
    if (name.starts_with('.') || name.ends_with(reason_suffix)) return;
    use(quarantined(std::string(name)));
  });
}

std::error_code FileSpoolDisk::release(const QuarantinedMessage& message) {
  if (const auto error = open_quarantine()) return error;
  if (const auto error = rename_without_replacing(quarantine_.get(), message.file, directory_.get(), message.name))
    return error;
  ::unlinkat(quarantine_.get(), (message.file + ".reason").c_str(), 0);
  is_quarantine_unsynced_ = true;
  return {};
}

std::optional<MessageFile> FileSpoolDisk::look(const std::string& name, std::size_t bytes) {
  return look_in(directory_.get(), name, bytes);
}

std::optional<MessageFile> FileSpoolDisk::look_quarantined(const std::string& file, std::size_t bytes) {
  if (open_quarantine()) return std::nullopt;
  return look_in(quarantine_.get(), file, bytes);
}

std::optional<MessageFile> FileSpoolDisk::look_in(int directory, const std::string& name, std::size_t bytes) {
  struct stat info{};
  if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  MessageFile file;
  file.is_file = S_ISREG(info.st_mode);
  file.inode = info.st_ino;
  file.size = static_cast<std::uint64_t>(info.st_size);
  file.age = age_of(info);
  if (!file.is_file) return file;
  const UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  file.error = fd ? read_some(fd.get(), bytes, file.beginning) : last_error();
  return file;
}

std::error_code FileSpoolDisk::remove_quarantined(const QuarantinedMessage& message) {
  if (const auto error = open_quarantine()) return error;
  if (::unlinkat(quarantine_.get(), message.file.c_str(), 0) != 0) return last_error();
  ::unlinkat(quarantine_.get(), (message.file + ".reason").c_str(), 0);
  is_quarantine_unsynced_ = true;
  return {};
}

}  // namespace lonc::net
