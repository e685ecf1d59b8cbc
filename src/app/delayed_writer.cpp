#include <lonc/app/delayed_writer.hpp>

#include <lonc/core/delayed_name.hpp>
#include <lonc/net/file_write.hpp>
#include <lonc/net/unique_fd.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>

namespace lonc::app {

namespace {

// So many of one process in one second have the same command and host.
constexpr std::uint64_t most_counts = 10'000;

std::error_code result(int status) { return status == 0 ? std::error_code() : net::last_error(); }

class Writer {
 public:
  Writer(const std::string& directory, std::string_view host_id, std::string_view line)
      : directory_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), host_id_(host_id), line_(line) {}

  WrittenMessage write() {
    if (!directory_) return failed("the directory can not be opened", net::last_error());
    // Hidden, so that neither this lonc nor the one of 2002 takes it for a message.
    const std::string temporary = ".loncctl-" + std::to_string(::getpid()) + ".new";
    WrittenMessage written = fill(temporary);
    if (!written.error) written = give_name(temporary);
    if (written.error) ::unlinkat(directory_.get(), temporary.c_str(), 0);
    if (!written.error && ::fsync(directory_.get()) != 0)
      return failed("it is there, but the directory can not be synced", net::last_error());
    return written;
  }

 private:
  static WrittenMessage failed(std::string what, std::error_code error) { return {{}, error, std::move(what)}; }

  // Its mode is that of lonnet.pm's files: what the umask leaves.
  WrittenMessage fill(const std::string& temporary) const {
    ::unlinkat(directory_.get(), temporary.c_str(), 0);  // of a process that had our number once
    const net::UniqueFd fd(
        ::openat(directory_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (!fd) return failed("no file can be made", net::last_error());
    if (const auto error = net::write_all(fd.get(), std::string(line_) + "\n"))
      return failed("the file can not be written", error);
    if (const auto error = result(::fsync(fd.get()))) return failed("the file can not be synced", error);
    return {};
  }

  WrittenMessage give_name(const std::string& temporary) const {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto timestamp = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
    for (std::uint64_t count = 1; count != most_counts; ++count) {
      std::string name =
          core::make_delayed_name(timestamp, count, static_cast<std::uint64_t>(::getpid()), line_, host_id_);
      const auto error = net::rename_without_replacing(directory_.get(), temporary, directory_.get(), name);
      if (!error) return {std::move(name), {}, {}};
      if (error != std::errc::file_exists) return failed("the file can not be given its name", error);
    }
    return failed("the file can not be given a name", std::make_error_code(std::errc::file_exists));
  }

  net::UniqueFd directory_;
  std::string_view host_id_;
  std::string_view line_;
};

}  // namespace

WrittenMessage write_delayed_message(const std::string& directory, std::string_view host_id, std::string_view line) {
  return Writer(directory, host_id, line).write();
}

}  // namespace lonc::app
