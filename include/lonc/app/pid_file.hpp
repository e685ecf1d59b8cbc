// The pid file, and the lock that keeps a second lonc away. The lock lies on the directory of the file as well, which
// nobody removes in passing as one removes a file. It does not decide who we are: the pid written is the caller's, so
// it is taken after the last fork.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <sys/types.h>

#include <optional>
#include <string>
#include <system_error>

namespace lonc::app {

struct PidFileError {
  std::error_code error;  // EEXIST when another instance runs
  pid_t holder = 0;  // its pid, 0 if that is not known
  std::string text;  // for the administrator
};

// What has become of the file.
struct PidFileLook {
  bool is_new = false;  // it was missing, or nobody's, and has been made anew
  bool is_others = false;  // another lonc has put its own there
  std::string trouble;  // for the administrator; empty if all is well
};

class PidFile {
 public:
  PidFile() = default;
  ~PidFile();  // release()
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // Locks and writes `path`; the file holds "PID\n" from the moment its name appears. Of several that try at once
  // exactly one wins; the others know within half a second. A file that nobody holds is replaced, unless it names a
  // living process called lonc: an older lonc, which takes no lock.
  // A disk without room is no error where the directory can be locked: see trouble().
  std::optional<PidFileError> acquire(const std::string& path);

  // To be called now and then: clean-up jobs remove the file, and it may have found no room before.
  PidFileLook look_after();

  // The name, if it still is that of our file, and then the lock: a successor can start.
  void release();

  bool is_held() const { return directory_ || file_; }
  // Why the file is not there or does not name us; empty if it does.
  const std::string& trouble() const { return trouble_; }

 private:
  enum class Step { taken, again, refused };

  Step take(std::optional<PidFileError>& error);
  Step lock_directory(std::optional<PidFileError>& error);
  Step create(std::optional<PidFileError>& error);
  Step take_over(std::optional<PidFileError>& error);
  Step publish(bool replace, std::optional<PidFileError>& error);
  void write_in_place();

  std::string path_;
  net::UniqueFd directory_;  // none where the file system does not lock directories
  net::UniqueFd file_;
  std::string trouble_;
};

}  // namespace lonc::app
