// Whether a line can be the answer to the request whose turn it is, on a connection that carries several at once: it
// can not if its first byte had arrived before that request was written. So a line that comes late or twice is found
// out also where requests are in flight and the connection can not be asked whether it is quiet.
#pragma once

#include <lonc/core/fifo.hpp>

#include <cstdint>

namespace lonc::core {

class AnswerOrder {
 public:
  // `requests` lines are about to be written; `arrived` bytes have come from the other side until now, read or not.
  void about_to_write(std::uint64_t requests, std::uint64_t arrived) {
    marks_.push({written_, arrived});
    written_ += requests;
  }
  // The same for one that is written where nothing had arrived that belongs to nobody: nothing has to be remembered.
  void written_to_quiet() { ++written_; }

  // The next line begins with byte number `begin` of all that came. False if it is older than its request, or if that
  // has not been written at all.
  bool is_possible(std::uint64_t begin) {
    while (!marks_.empty() && marks_.front().first <= answered_) earliest_ = marks_.pop().arrived;
    return answered_++ < written_ && begin >= earliest_;
  }

 private:
  struct Mark {
    std::uint64_t first = 0;  // request that this is true of, and of those after it
    std::uint64_t arrived = 0;
  };

  Fifo<Mark> marks_;
  std::uint64_t written_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t earliest_ = 0;
};

}  // namespace lonc::core
