// The requests that were written to a connection together. Nothing is added while they are in flight, and nobody is
// answered before the last line has come: one line for each request and, where a fence ended the batch, its answer.
//
// The fence is a `ping` behind the requests, which lond answers with its own id. Without it a line that came twice would
// be found only if the copy arrives together with the last answer; with it, whatever line is missing or one too many
// shifts the answer to the fence out of its place. Only two faults that undo each other can hide.
#pragma once

#include <lonc/core/reply_lines.hpp>
#include <lonc/core/types.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

class Batch {
 public:
  struct Request {
    ClientId client{};
    TimePoint accepted{};  // of a delayed message: when it was written
    bool is_delayed = false;  // from the disk: there is no client
    bool is_answered = false;  // its client's time ran out: its answer goes to nobody
    std::string word{};  // the command word, short enough never to be on the heap
  };

  enum class Verdict {
    open,  // lines are still awaited
    complete,  // answer(i) is the answer to requests()[i]
    wrong,  // too many lines, or the fence's answer is not where it must be: whose line is whose can not be told
  };

  // What ends a batch with a fence.
  static constexpr std::string_view fence = "ping";

  // Written at `now`. `fence_answers`: what the peer may answer to the fence, separated by blanks; empty if there is none.
  // `may_double_line_ends`: this peer has ended replies with two line ends, so that an empty line may come anywhere.
  void begin(TimePoint now, std::vector<Request>& requests, std::string_view fence_answer, bool may_double_line_ends);
  void add_line(std::string_view line);
  void clear();

  bool is_in_flight() const { return !requests_.empty(); }
  std::vector<Request>& requests() { return requests_; }
  const std::vector<Request>& requests() const { return requests_; }
  TimePoint written() const { return written_; }
  bool is_fenced() const { return !fence_answers_.empty(); }

  // To be asked when all that has been received was added. `is_mid_line`: and then there were bytes without a line end.
  Verdict verdict(bool is_mid_line) const;
  bool is_fence_answer(std::string_view line) const;
  // All answers are there, but not that of the fence.
  bool lacks_fence_only() const { return is_fenced() && lines_.size() == requests_.size(); }
  // Lines are awaited, and yet the latest reads like the answer to the fence, which is the last: one was left out.
  bool has_early_fence() const;
  // The connection has ended: of a single request with the only line that came, this is its answer all the same.
  bool has_sole_answer() const;
  // A line more than was asked for has come already.
  bool has_surplus() const { return lines_.has_surplus(); }
  // Line ends that nobody had asked for and that did no harm.
  std::size_t empty_lines() const { return empty_lines_ + lines_.empty_lines(); }
  // "3 lines for 2 requests", for people.
  std::string describe() const;

  std::string_view answer(std::size_t number) const { return lines_[number]; }
  std::size_t bytes() const { return lines_.bytes(); }
  std::size_t lines() const { return lines_.size(); }

 private:
  std::vector<Request> requests_;
  TimePoint written_{};
  std::string fence_answers_;
  ReplyLines lines_;
  bool may_double_line_ends_ = false;
  bool has_leading_empty_line_ = false;  // kept back: it may be an empty answer
  std::size_t empty_lines_ = 0;  // passed over between the lines
};

}  // namespace lonc::core
