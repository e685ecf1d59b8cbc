// Keeps the two status files in lon-status new: whenever it is asked to, and at an interval. A disk that hangs delays
// them and nothing else.
#pragma once

#include <lonc/app/status_board.hpp>
#include <lonc/app/status_files.hpp>
#include <lonc/core/types.hpp>
#include <lonc/net/executor.hpp>

#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <string>

namespace lonc::app {

// Used on the strand only.
class StatusWriter {
 public:
  struct Needs {
    StatusBoard& board;
    boost::asio::thread_pool& disk;        // for what may block
    std::function<std::string()> doc_root;
    std::function<void(const FileError&)> failed;
  };

  StatusWriter(const net::Strand& strand, Needs needs);

  // Soon, with what is true then.
  void write();
  // Each time the board's history gets a sample. Zero: the files are written only when asked; the board is asked all
  // the same, since that has sockets and other files looked after.
  void set_interval(core::Duration interval);
  void stop();

 private:
  void tick();
  void put(StatusBoard::Shared snapshot);
  void written(const FileError& failure);

  net::Strand strand_;
  const Needs needs_;
  net::Timer timer_;
  core::Duration interval_{-1};  // none has been set
  bool is_writing_ = false;
  bool is_asked_again_ = false;
  bool is_stopped_ = false;
};

}  // namespace lonc::app
