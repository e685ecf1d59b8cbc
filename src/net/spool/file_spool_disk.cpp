#include <lonc/net/spool/file_spool_disk.hpp>

#include <lonc/os/files.hpp>
#include <lonc/os/wall_time.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

namespace lonc::net {

namespace {

constexpr const char* journal_name = ".sending";
constexpr const char* new_journal_name = ".sending.new";
constexpr const char* lock_name = ".lock";

using Entries = std::unique_ptr<DIR, int (*)(DIR*)>;

// Opens a separate directory stream: it starts at the beginning, whatever was read before.
Entries entries_of(int directory) {
  os::UniqueFd fd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Entries entries(fd ? ::fdopendir(fd.get()) : nullptr, &::closedir);
  if (entries) fd.release();
  return entries;
}

std::error_code for_each_name(int directory, const std::function<void(std::string_view)>& use) {
  const Entries entries = entries_of(directory);
  if (!entries) return os::last_error();
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr) return errno == 0 ? std::error_code() : os::last_error();
    use(entry->d_name);
  }
}

std::error_code sync(int fd) { return ::fsync(fd) == 0 ? std::error_code() : os::last_error(); }

// What blocks the name of one of lonc's own files or directories.
enum class Unfit { lock, journal, new_journal, quarantine };

class UnfitCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "spool directory"; }
  std::string message(int value) const override {
    constexpr std::array texts{"its .lock is a link or not a plain file; move it away",
                               "its .sending is a link or not a plain file; move it away",
                               "its .sending.new is a directory; move it away",
                               "its quarantine is a link or not a directory; move it away"};
    return texts.at(static_cast<std::size_t>(value) - 1);
  }
};

std::error_code unfit(Unfit what) {
  static const UnfitCategory category;
  return {static_cast<int>(what) + 1, category};
}

// Never shown: a message is kept even without its reason.
const std::error_code no_reason_file = std::make_error_code(std::errc::not_supported);

// How a file is opened that anybody may have put there: it is never waited for, and no link is followed.
constexpr int careful = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

// Opens one of lonc's own files. Anything in its place that is not a plain file is never waited for, written to or
// followed; the error is then `wrong`.
os::UniqueFd open_plain(int directory, const char* name, int flags, std::error_code& error, std::error_code wrong) {
  os::UniqueFd fd(::openat(directory, name, flags | careful, 0600));
  struct stat info{};
  error = fd && ::fstat(fd.get(), &info) == 0 ? std::error_code() : os::last_error();
  const bool is_other =
      error ? errno == ELOOP || errno == ENXIO || errno == ENODEV || errno == EISDIR : !S_ISREG(info.st_mode);
  if (is_other) error = wrong;
  return error ? os::UniqueFd() : std::move(fd);
}

std::chrono::nanoseconds wall_time() { return std::chrono::system_clock::now().time_since_epoch(); }

// For administrators. Clock changes do not matter here.
core::Duration shown_age(const struct stat& info) {
  return std::chrono::duration_cast<core::Duration>(std::chrono::abs(wall_time() - os::change_of(info)));
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

void FileSpoolDisk::close() {
  journal_.reset();
  quarantine_.reset();
  directory_.reset();
  lock_.reset();
  directory_lock_.reset();
}

std::error_code FileSpoolDisk::open() {
  close();
  if (::mkdir(path_.c_str(), 0750) != 0 && errno != EEXIST) return os::last_error();
  os::UniqueFd directory(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return os::last_error();
  std::error_code error;
  os::UniqueFd lock = open_plain(directory.get(), lock_name, O_RDWR | O_CREAT, error, unfit(Unfit::lock));
  // A disk without room for the lock file must still be emptied, so the directory itself is locked as well.
  if (!lock && error.value() != ENOSPC && error.value() != EDQUOT) return error;
  if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return os::last_error();
  os::UniqueFd directory_lock(::dup(directory.get()));
  if (::flock(directory_lock.get(), LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || !lock)) return os::last_error();
  directory_ = std::move(directory);
  lock_ = std::move(lock);
  directory_lock_ = std::move(directory_lock);
  return {};
}

bool FileSpoolDisk::is_current() {
  file_age_.observe(std::chrono::steady_clock::now(), wall_time());
  struct stat ours{};
  struct stat present{};
  return directory_ && ::fstat(directory_.get(), &ours) == 0 && ::stat(path_.c_str(), &present) == 0 &&
         os::file_id(ours) == os::file_id(present);
}

std::error_code FileSpoolDisk::list(const std::function<void(std::string_view name)>& use) {
  return for_each_name(directory_.get(), [&use](std::string_view name) {
    if (!name.starts_with('.') && name != "quarantine") use(name);
  });
}

core::SpoolFile FileSpoolDisk::read(const std::string& name, std::size_t limit) {
  core::SpoolFile file;
  const os::UniqueFd fd(::openat(directory_.get(), name.c_str(), O_RDONLY | careful));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    file.error = os::last_error();
    file.state = state_of_open_error(file.error.value());
    return file;
  }
  file.inode = info.st_ino;
  if (!S_ISREG(info.st_mode)) {
    file.state = core::SpoolFile::State::not_a_file;
    return file;
  }
  file.error = os::read_some(fd.get(), limit, file.content);
  // The file may have grown while it was read; the age is that of what was read.
  if (!file.error && ::fstat(fd.get(), &info) != 0) file.error = os::last_error();
  file.age = file_age_.age(std::chrono::steady_clock::now(), wall_time(), os::change_of(info));
  file.state = !file.error                 ? core::SpoolFile::State::read
               : file.error.value() == EIO ? core::SpoolFile::State::unreadable
                                           : core::SpoolFile::State::failed;
  return file;
}

std::error_code FileSpoolDisk::changed_at(const std::string& name, std::uint64_t& time) {
  time = 0;
  struct stat info{};
  if (::fstatat(directory_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? std::error_code() : os::last_error();
  time = static_cast<std::uint64_t>(os::change_of(info).count());
  return {};
}

std::error_code FileSpoolDisk::remove(const std::string& name) {
  return ::unlinkat(directory_.get(), name.c_str(), 0) == 0 || errno == ENOENT ? std::error_code() : os::last_error();
}

std::error_code FileSpoolDisk::sync_directory() {
  // A released message is durable in the spool before it is gone from the quarantine; a quarantined one the other way.
  // After an error the order is the same.
  if (is_release_unsynced_) {
    if (const auto error = sync_messages()) return error;
    is_release_unsynced_ = false;
  }
  if (is_quarantine_unsynced_) {
    std::error_code error = open_quarantine();
    if (!error) error = sync(quarantine_.get());
    // Once a descriptor has reported its error, a later sync of it would report success.
    if (error) quarantine_.reset();
    if (error) return error;
    is_quarantine_unsynced_ = false;
  }
  return sync_messages();
}

std::error_code FileSpoolDisk::sync_messages() {
  const std::error_code error = sync(directory_.get());
  // Once a descriptor has reported its error, a later sync of it would report success.
  if (error) {
    os::UniqueFd reopened(::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (reopened) directory_ = std::move(reopened);
  }
  return error;
}

// Writes the line in one call, since other programs append to the file as well.
std::error_code FileSpoolDisk::append_log(std::string_view message) {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  std::string line = std::to_string(seconds);
  line.append(":").append(message).append(":");
  os::append_local_time(line, now);
  line += '\n';
  return log_.append(line);
}

// --- the journal

std::error_code FileSpoolDisk::read_journal(std::string& bytes) {
  bytes.clear();
  std::error_code error;
  const os::UniqueFd fd = open_plain(directory_.get(), journal_name, O_RDONLY, error, unfit(Unfit::journal));
  if (error) return error == std::errc::no_such_file_or_directory ? std::error_code() : error;
  return os::read_some(fd.get(), std::string::npos, bytes);
}

// Messages come first: the journal may take only a small part of the file system.
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
  if (::renameat(directory_.get(), new_journal_name, directory_.get(), journal_name) != 0)
    return errno == EISDIR ? unfit(Unfit::journal) : os::last_error();
  journal_.reset();
  // From here on it is unknown which journal is there after a loss of power.
  return sync(directory_.get()) ? std::make_error_code(std::errc::io_error) : std::error_code();
}

// A journal written in full has its space allocated, on a file system that overwrites in place.
std::error_code FileSpoolDisk::make_journal(std::string_view bytes) {
  ::unlinkat(directory_.get(), new_journal_name, 0);
  const os::UniqueFd fd(
      ::openat(directory_.get(), new_journal_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd)
    return errno == EEXIST ? unfit(Unfit::new_journal) : os::last_error();  // anything else has just been removed
  if (const auto error = os::write_all(fd.get(), bytes)) return error;
  return sync(fd.get());
}

std::error_code FileSpoolDisk::write_journal(std::size_t offset, std::string_view bytes) {
  std::error_code error;
  if (!journal_) journal_ = open_plain(directory_.get(), journal_name, O_WRONLY, error, unfit(Unfit::journal));
  if (error) return error;
  if (::lseek(journal_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return os::last_error();
  return os::write_all(journal_.get(), bytes);
}

std::error_code FileSpoolDisk::sync_journal() {
  if (!journal_ || ::fdatasync(journal_.get()) == 0) return {};
  const std::error_code error = os::last_error();
  journal_.reset();
  return error;
}

std::string FileSpoolDisk::boot_id() {
  const os::UniqueFd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd || os::read_some(fd.get(), 64, text)) return {};
  return text.substr(0, text.find('\n'));
}

// --- the quarantine

std::error_code FileSpoolDisk::open_quarantine() {
  if (quarantine_) return {};
  if (::mkdirat(directory_.get(), "quarantine", 0700) != 0 && errno != EEXIST) return os::last_error();
  quarantine_.reset(::openat(directory_.get(), "quarantine", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (quarantine_) return {};
  return errno == ENOTDIR || errno == ELOOP ? unfit(Unfit::quarantine) : os::last_error();
}

std::error_code FileSpoolDisk::set_aside(const std::string& name, std::string_view reason) {
  constexpr int most_of_a_name = 1000;
  if (const auto error = open_quarantine()) return error;
  if (is_release_unsynced_) {
    if (const auto error = sync_directory()) return error;
  }
  std::string file = name;
  std::error_code error = os::rename_without_replacing(directory_.get(), name, quarantine_.get(), file);
  for (int number = 1; error == std::errc::file_exists && number != most_of_a_name; ++number) {
    file = name + "~" + std::to_string(number);
    error = os::rename_without_replacing(directory_.get(), name, quarantine_.get(), file);
  }
  if (error == std::errc::no_such_file_or_directory) return {};
  if (error) return error;
  is_quarantine_unsynced_ = true;
  write_reason(file, name, reason);
  return {};
}

// The message is safe without this file, so errors are ignored: the reason is in the log as well.
void FileSpoolDisk::write_reason(const std::string& file, const std::string& name, std::string_view reason) {
  std::error_code error;
  const os::UniqueFd fd =
      open_plain(quarantine_.get(), (file + ".reason").c_str(), O_WRONLY | O_CREAT, error, no_reason_file);
  if (fd && ::ftruncate(fd.get(), 0) == 0) os::write_all(fd.get(), std::string(reason) + "\n" + name + "\n");
}

QuarantinedMessage FileSpoolDisk::quarantined(const std::string& file) {
  QuarantinedMessage message{.file = file, .name = file.substr(0, file.rfind('~')), .reason = {}};
  struct stat info{};
  if (::fstatat(quarantine_.get(), file.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) message.age = shown_age(info);
  std::error_code error;
  const os::UniqueFd fd = open_plain(quarantine_.get(), (file + ".reason").c_str(), O_RDONLY, error, no_reason_file);
  std::string text;
  if (!fd || os::read_some(fd.get(), 4096, text)) return message;
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
  // The directories are then synced in the other order.
  if (is_quarantine_unsynced_ && !is_release_unsynced_) {
    if (const auto error = sync_directory()) return error;
  }
  if (const auto error = os::rename_without_replacing(quarantine_.get(), message.file, directory_.get(), message.name))
    return error;
  ::unlinkat(quarantine_.get(), (message.file + ".reason").c_str(), 0);
  is_quarantine_unsynced_ = true;
  is_release_unsynced_ = true;
  return {};
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
  file.age = shown_age(info);
  if (!file.is_file) return file;
  const os::UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | careful));
  file.error = fd ? os::read_some(fd.get(), bytes, file.beginning) : os::last_error();
  return file;
}

std::error_code FileSpoolDisk::remove_quarantined(const QuarantinedMessage& message) {
  if (const auto error = open_quarantine()) return error;
  if (::unlinkat(quarantine_.get(), message.file.c_str(), 0) != 0) return os::last_error();
  ::unlinkat(quarantine_.get(), (message.file + ".reason").c_str(), 0);
  is_quarantine_unsynced_ = true;
  return {};
}

}  // namespace lonc::net
