// How many requests may go to a peer in one batch, and whether a fence ends it: by what the peer has shown so far.
#pragma once

#include <lonc/core/types.hpp>

#include <cstddef>
#include <optional>

namespace lonc::core {

class BatchPolicy {
 public:
  enum class Mode {
    untried,  // the fence has not worked yet, or not since the peer spoke out of turn: one request at a time, fenced
    proven,  // several requests in a batch, fenced
    watched,  // the peer spoke out of turn a while ago: one request at a time, fenced
    unfenced,  // the peer does not answer the fence: for a while one request at a time and nothing behind it
  };

  Mode mode(TimePoint now) const;
  // Requests in one batch, if so many wait; at most `depth`, a setting. 1: one at a time and no fence.
  std::size_t limit(TimePoint now, std::size_t depth) const;
  bool is_fenced(TimePoint now, std::size_t depth) const { return depth > 1 && mode(now) != Mode::unfenced; }

  // Batches of this peer usually end within a moment, so that whoever waits for the end of one is not held up by it.
  bool is_quick() const { return has_measured_ && smoothed_ <= moment; }
  // How long a batch takes, but for one in some: what the time that is left for a request is compared with.
  Duration usual_time() const { return smoothed_ + 2 * variation_; }

  // A batch of so many requests was answered in order, `time` after it was written.
  void answered(TimePoint now, std::size_t requests, Duration time, std::size_t depth);
  // An answer was missing, or one too many, or a batch ended early. `trust_after`: so long the peer is watched.
  void broke(TimePoint now, Duration trust_after);
  // The fence has worked lately: should it not, then the peer has made a mistake.
  bool has_fence(TimePoint now, Duration trust_after) const {
    return fence_worked_ && now < *fence_worked_ + trust_after;
  }
  // The request was answered and the fence was not. Some in a row, and for `trust_after` there is none.
  void fence_failed(TimePoint now, Duration trust_after);
  // It ends replies with two line ends: of several answers it could not be told where one begins.
  void doubles_line_ends() { doubles_line_ends_ = true; }
  bool has_doubled_line_ends() const { return doubles_line_ends_; }

  static constexpr Duration moment = std::chrono::milliseconds{2};

 private:
  void measure(Duration time);

  bool is_proven_ = false;
  std::optional<TimePoint> fence_worked_;  // at last
  unsigned failed_fences_ = 0;  // in a row
  bool doubles_line_ends_ = false;
  TimePoint watched_until_{};
  TimePoint unfenced_until_{};

  bool has_measured_ = false;
  Duration smoothed_{};  // of the time of a batch, and of how far it varies, as TCP does it
  Duration variation_{};
  Duration shortest_{};  // rises slowly, so that it follows a path that has become longer

  std::size_t size_ = 1;  // of a batch: grows while larger ones do not take longer
  unsigned good_in_a_row_ = 0;  // full batches
  unsigned good_before_more_ = 1;
};

}  // namespace lonc::core
