// The pid file, which also keeps a second lonc away: whoever holds the lock on it is the one that runs.
// It does not decide who we are: the pid written is the caller's, so it is taken after the last fork.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <sys/types.h>

#include <optional>
#include <string>
#include <system_error>

namespace lonc::app {

struct PidFileError {
  std::error_code error;  // EEXIST when another instance runs
  pid_t holder = 0;       // its pid, 0 if that is not known
  std::string text;       // for the administrator
};

class PidFile {
 public:
  PidFile() = default;
  ~PidFile();  // release_path() and release_lock()
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // Locks and writes `path`; the file holds "PID\n" from the moment its name appears. Of several that try at once
  // exactly one wins; the others know within half a second. A file that nobody holds is replaced, unless it names a
  // living process called lonc: an older lonc, which takes no lock.
  std::optional<PidFileError> acquire(const std::string& path);

  // At stop the name goes first, so that a successor can start, and the lock after everything else that the
  // successor will take over. Removes the path only if it still is our file.
  void release_path();
  void release_lock();

  bool is_held() const { return static_cast<bool>(fd_); }

 private:
  enum class Step { taken, again, refused };

  Step create(std::optional<PidFileError>& error);
  Step take_over(std::optional<PidFileError>& error);
  Step publish(bool replace, std::optional<PidFileError>& error);

  std::string path_;
  net::UniqueFd fd_;
};

}  // namespace lonc::app
