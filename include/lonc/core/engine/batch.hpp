// Requests that are written to a connection together, the lines that answer them, and how many go together.
#pragma once

#include <lonc/core/base/types.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

// Buffers that are reused keep their memory, but not that of a rare long line: with thousands of peers and connections
// each buffer would eventually keep the size of its longest line. If the buffer is that large, its content must no
// longer be needed either.
inline void give_back_excess(std::string& buffer, std::size_t most_kept) {
  if (buffer.capacity() > most_kept) std::string().swap(buffer);
}

// Collects the lines that arrive in reply to what was written to a connection, and keeps them until it is certain that
// all have arrived and that none follows. Checks their number, not their meaning.
class ReplyLines {
 public:
  // From now on this many lines are expected. Lines collected before are dropped.
  void expect(std::size_t lines);
  void add(std::string_view line);
  // Nothing is expected any more. Frees the memory of long lines.
  void clear();

  std::size_t size() const { return ends_.size(); }
  std::size_t bytes() const { return text_.size(); }
  bool is_complete() const { return size() == awaited_; }
  // A line arrived after the last expected one. An empty line does not count, because a lond of 2002 may end a reply
  // with two line ends; empty_lines() counts such lines.
  bool has_surplus() const { return has_surplus_; }
  std::size_t empty_lines() const { return empty_lines_; }

  // Views are valid until the next add(), expect() or clear().
  std::string_view operator[](std::size_t number) const;
  std::string_view back() const { return (*this)[size() - 1]; }

 private:
  std::string text_;  // the lines, concatenated
  std::vector<std::size_t> ends_;
  std::size_t awaited_ = 0;
  std::size_t empty_lines_ = 0;  // beyond the expected lines
  bool has_surplus_ = false;
};

// The requests that were written to a connection together. Nothing is added while they are in flight, and no client is
// answered before the last line has arrived: one line for each request and, if a fence ends the batch, the answer to
// the fence.
//
// The fence is a `ping` after the requests, which lond answers with its own id. Without it a duplicated line would be
// detected only if the copy arrived together with the last answer. With it, any missing or surplus line shifts the
// answer to the fence out of its place. Only two faults that cancel each other out can go undetected.
class Batch {
 public:
  struct Request {
    ClientId client{};
    TimePoint accepted{};  // for a delayed message: when it was written
    bool is_delayed = false;  // from the disk: there is no client
    bool is_answered = false;  // its client has timed out: the answer goes to nobody
    bool is_ping = false;  // a ping in clear text, which the peer answers like the fence
    std::string word{};  // the command word, so short that it never needs heap memory
  };

  enum class Verdict {
    open,  // lines are still expected
    complete,  // answer(i) is the answer to requests()[i]
    wrong,  // too many lines, or the fence's answer is misplaced: lines cannot be matched to requests
  };

  // The line that ends a batch with a fence.
  static constexpr std::string_view fence = "ping";

  // The batch was written at `now`. `fence_answers`: what the peer may answer to the fence, separated by blanks; empty
  // if there is no fence. `may_double_line_ends`: this peer has ended replies with two line ends, so an empty line may
  // arrive anywhere.
  void begin(TimePoint now, std::vector<Request>& requests, std::string_view fence_answer, bool may_double_line_ends);
  void add_line(std::string_view line);
  void clear() {
    requests_.clear();
    fence_answers_.clear();
    lines_.clear();
  }

  bool is_in_flight() const { return !requests_.empty(); }
  std::vector<Request>& requests() { return requests_; }
  const std::vector<Request>& requests() const { return requests_; }
  TimePoint written() const { return written_; }
  bool is_fenced() const { return !fence_answers_.empty(); }

  // To be called when everything received has been added. `is_mid_line`: bytes without a line end followed.
  Verdict verdict(bool is_mid_line) const;
  bool is_fence_answer(std::string_view line) const;
  // All answers have arrived, but not the answer to the fence.
  bool lacks_fence_only() const { return is_fenced() && lines_.size() == requests_.size(); }
  // Lines are still expected, yet the latest one reads like the answer to the fence, which must be the last line, and
  // answers no ping of a client: one was omitted.
  bool has_early_fence() const {
    return is_fenced() && lines_.size() != 0 && !lines_.is_complete() && is_fence_answer(lines_.back()) &&
           !requests_[lines_.size() - 1].is_ping;
  }
  // The batch is a single request, and the only line that has arrived is its answer, even if the connection has ended.
  bool has_sole_answer() const {
    return requests_.size() == 1 && lacks_fence_only() && (!is_fence_answer(lines_[0]) || requests_[0].word == fence);
  }
  // A line more than expected has already arrived.
  bool has_surplus() const { return lines_.has_surplus(); }
  // Unrequested line ends that did no harm.
  std::size_t empty_lines() const { return empty_lines_ + lines_.empty_lines(); }
  // For people: "3 lines for 2 requests".
  std::string describe() const;

  std::string_view answer(std::size_t number) const { return lines_[number]; }
  std::size_t bytes() const { return lines_.bytes(); }
  std::size_t lines() const { return lines_.size(); }

 private:
  bool has_fence_answers() const;

  std::vector<Request> requests_;
  TimePoint written_{};
  std::string fence_answers_;
  ReplyLines lines_;
  bool may_double_line_ends_ = false;
  bool has_leading_empty_line_ = false;  // held back: it may be an empty answer
  std::size_t empty_lines_ = 0;  // skipped between the lines
};

// How many requests may be sent to a peer in one batch, and whether a fence ends it: decided by the peer's behaviour so
// far.
class BatchPolicy {
 public:
  enum class Mode {
    untried,  // the fence has not worked yet, or not since the peer spoke out of turn: one request at a time, fenced
    proven,  // several requests in a batch, fenced
    watched,  // the peer spoke out of turn a while ago: one request at a time, fenced
    unfenced,  // the peer does not answer the fence: for a while one request at a time, unfenced
  };

  Mode mode(TimePoint now) const;
  // The number of requests in one batch if that many are waiting; at most `depth`, a setting. 1: one at a time and no
  // fence.
  std::size_t limit(TimePoint now, std::size_t depth) const;
  bool is_fenced(TimePoint now, std::size_t depth) const { return depth > 1 && mode(now) != Mode::unfenced; }

  // Batches of this peer usually end within `moment`, so waiting for the end of one causes hardly any delay.
  bool is_quick() const { return has_measured_ && smoothed_ <= moment; }
  // How long all but a few batches take. The time that is left for a request is compared with it.
  Duration usual_time() const { return smoothed_ + 2 * variation_; }

  // A batch of `requests` requests was answered in order, `time` after it was written.
  void answered(TimePoint now, std::size_t requests, Duration time, std::size_t depth);
  // An answer was missing or surplus, or a batch ended early. The peer is watched for `trust_after`.
  void broke(TimePoint now, Duration trust_after);
  // The fence has worked recently, so if it fails now, the peer has made a mistake.
  bool has_fence(TimePoint now, Duration trust_after) const {
    return fence_worked_ && now < *fence_worked_ + trust_after;
  }
  // The request was answered but the fence was not. After several in a row no fence is used for `trust_after`.
  void fence_failed(TimePoint now, Duration trust_after);
  // The peer ends replies with two line ends: with several answers, the start of each would be ambiguous.
  void doubles_line_ends() { doubles_line_ends_ = true; }
  bool has_doubled_line_ends() const { return doubles_line_ends_; }

  static constexpr Duration moment = std::chrono::milliseconds{2};

 private:
  void measure(Duration time);

  bool is_proven_ = false;
  std::optional<TimePoint> fence_worked_;  // most recently
  unsigned failed_fences_ = 0;  // in a row
  bool doubles_line_ends_ = false;
  TimePoint watched_until_{};
  TimePoint unfenced_until_{};

  bool has_measured_ = false;
  Duration smoothed_{};  // mean time of a batch; like `variation_` estimated as in TCP
  Duration variation_{};
  Duration shortest_{};  // rises slowly, so that it adapts to a path that has become longer

  std::size_t size_ = 1;  // of a batch: grows as long as larger ones do not take longer
  unsigned good_in_a_row_ = 0;  // full batches
  unsigned good_before_more_ = 1;
};

}  // namespace lonc::core
