// The pid file, and the lock that keeps a second lonc from starting. The directory of the file is locked as well, since
// it is not removed as casually as a file. The pid written is that of the calling process, so the file is acquired
// after the last fork.
#pragma once

#include <lonc/os/files.hpp>
#include <lonc/os/unique_fd.hpp>

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::daemon {

struct PidFileError {
  std::error_code error;  // EEXIST if another instance runs
  pid_t holder = 0;  // its pid; 0 if unknown
  std::string text;  // for the administrator
};

// What look_after() has found about the file.
struct PidFileLook {
  bool is_new = false;  // it was missing, or belonged to nobody, and was recreated
  bool is_others = false;  // another lonc has put its own file there
  std::string trouble;  // for the administrator; empty if all is well
};

class PidFile {
 public:
  ~PidFile() { release(); }

  // Locks and writes `path`; the file contains "PID\n" from the moment its name appears. If several processes try at
  // once, exactly one wins; the others find out within half a second. A file that nobody holds is replaced, unless it
  // names a living process called lonc: an older lonc, which takes no lock.
  // A full disk is not an error if the directory can be locked; see trouble().
  std::optional<PidFileError> acquire(const std::string& path);

  // Must be called from time to time: cleanup jobs remove the file, and the disk may have been full before.
  PidFileLook look_after();

  // Removes the name if it still refers to our file, then releases the lock: a successor can start.
  void release();

  bool is_held() const { return directory_ || file_; }
  // Why the file is missing or does not name us; empty if all is well.
  const std::string& trouble() const { return trouble_; }

 private:
  enum class Step { taken, again, refused };

  // Each sets error_ if it refuses.
  Step take();
  Step lock_directory();
  Step create();
  Step take_over();
  Step publish(bool replace);
  Step fail(std::string_view what, std::error_code error = os::last_error());
  void write_in_place();

  std::string path_;
  os::UniqueFd directory_;  // empty if the file system cannot lock directories
  os::UniqueFd file_;
  std::string trouble_;
  std::optional<PidFileError> error_;  // of the latest step that was not taken
};

// True for the main process of a systemd unit that notifies systemd.
bool is_service_process(pid_t pid);

// True only if `pid` is certainly a lonc that systemd does not manage; false if it cannot be inspected.
bool is_replaceable(pid_t pid);

// Calls PidFile::acquire(), and decides which of two loncs of one node stays: the one started by systemd, since it is
// watched and restarted; one that loncron started in the meantime gets TERM. Otherwise the one that already runs stays.
// A service process waits for up to 15 seconds until the other lonc has ended, because systemd would restart it at once
// if it failed. `tell` is called with what it is waiting for.
std::optional<PidFileError> acquire_or_replace(PidFile& file, const std::string& path,
                                               const std::function<void(std::string_view)>& tell);

}  // namespace lonc::daemon
