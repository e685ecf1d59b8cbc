// The status for people and programs: as the classic text, which older tools read, as JSON (docs/status-json.md), and
// the two files lon-status/loncstatus.txt and loncstatus.json with them, which are kept up to date on request and at an
// interval. A reader never sees a partial file. A disk that hangs delays only these files.
#pragma once

#include "daemon/status/snapshot.hpp"

#include <lonc/core/base/types.hpp>
#include <lonc/net/socket/executor.hpp>
#include <lonc/node/config/settings.hpp>

#include <boost/asio/thread_pool.hpp>

#include <string>
#include <string_view>
#include <system_error>

namespace lonc::daemon {

// "LONC status LOCALTIME - parent PID", an empty line, then lines with PID, SERVER, STATUS and LASTLOG separated by
// TAB: PARENT first, then the peers. A control byte in a text becomes a space.
std::string render_status_text(const Snapshot& snapshot);

// One line for each peer.
std::string render_status_json(const Snapshot& snapshot);

// The page that shows the JSON: config/status.html, embedded at build time.
std::string_view status_page();

struct FileError {
  std::error_code error;  // none: everything was written
  std::string file;  // where it happened
};

// Writes both status files to doc_root/lon-status, which is created if only its last part is missing. Both are written
// under temporary names and synced before the first is renamed; on failure, nothing is left behind. May block on the
// disk.
FileError write_status_files(const std::string& doc_root, std::string_view text, std::string_view json);

// Lives on `strand`; writes on the thread of `disk`.
class StatusWriter {
 public:
  // Everything must outlive the handlers of the strand.
  StatusWriter(const net::Strand& strand, StatusBoard& board, boost::asio::thread_pool& disk,
               const node::Settings& settings, DaemonLog& log)
      : strand_(strand), board_(board), disk_(disk), settings_(settings), log_(log) {}

  // Writes the files soon, with the state at that time.
  void write();
  // At each interval the files are written and the board's history gets a sample. Zero: the files are written only on
  // request; the board is still asked regularly, since that also looks after sockets and other files.
  void set_interval(core::Duration interval);
  void stop();

 private:
  void tick();
  void put(StatusBoard::Shared snapshot);
  void written(const FileError& failure);

  net::Strand strand_;
  StatusBoard& board_;
  boost::asio::thread_pool& disk_;
  const node::Settings& settings_;
  DaemonLog& log_;
  net::Timer timer_{strand_};
  core::Duration interval_{-1};  // not set yet
  bool is_writing_ = false;
  bool is_asked_again_ = false;
  bool is_stopped_ = false;
};

}  // namespace lonc::daemon
