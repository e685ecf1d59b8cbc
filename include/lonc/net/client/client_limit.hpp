// Limits how many local clients are served at once and how much memory their lines and answers may take, here and on
// the connections to lond: over all peers and for each peer. Also limits how many more clients are held while they are
// being refused. When places run short, has idle clients closed. Accepts, answers and closes nothing itself.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/os/unique_fd.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lonc::net {

// A few descriptors kept in reserve: when the process has no others left, a client can still be accepted and given an
// answer that says so. All members may be called from any thread.
class SpareDescriptors {
 public:
  SpareDescriptors() { reopen(); }

  // Frees one descriptor, though others may be quicker to use it. False if none is in reserve.
  bool lend();
  // The lent descriptor has been closed.
  void take_back() {
    const std::lock_guard lock(mutex_);
    ++wanted_;
    reopen();
  }
  bool can_lend() {
    const std::lock_guard lock(mutex_);
    reopen();
    return !spare_.empty();
  }

 private:
  void reopen();

  std::mutex mutex_;
  std::vector<os::UniqueFd> spare_;
  std::size_t wanted_ = 8;  // how many are not lent; fewer may be open if descriptors are short
};

// All members may be called from any thread. A slot may outlive the ClientLimit.
class ClientLimit {
 public:
  using IdleTimes = std::array<core::Duration, 3>;
  // Closes clients of one peer that have been idle for at least `idle_for`.
  using CloseIdle = std::function<void(core::Duration idle_for)>;

 private:
  struct Part;
  // State of the requests to close idle clients.
  struct Shortage {
    core::TimePoint next{};  // no request before this
    std::size_t step = 0;  // index into the idle times
  };
  struct State {
    State(std::size_t most, std::size_t most_refused, const IdleTimes& times)
        : limit(most), refused_limit(most_refused), idle_times(times) {}

    std::atomic<std::size_t> limit;
    const std::size_t refused_limit;
    std::atomic<std::size_t> memory_limit{std::numeric_limits<std::size_t>::max()};
    std::atomic<std::size_t> served{0};
    std::atomic<std::size_t> refused{0};
    std::atomic<std::size_t> memory{0};
    SpareDescriptors spare;
    const IdleTimes idle_times;
    std::mutex mutex;  // guards the members below and each Part's shortage
    std::unordered_map<const Part*, CloseIdle> close_idle;
    Shortage shortage;
  };
  struct Part {
    std::shared_ptr<State> all;
    std::atomic<std::size_t> served{0};
    std::atomic<std::size_t> memory{0};
    Shortage shortage;
  };

 public:
  enum class Place : unsigned char {
    served,
    over_share,  // refused: this peer already has half of all places
    over_limit,  // refused: all places are taken
    no_descriptor,  // refused, using a descriptor from the reserve
  };

  class Slot;

  // Bytes counted for one holder, until its destruction.
  class Memory {
   public:
    explicit Memory(std::shared_ptr<Part> part) : part_(std::move(part)) {}
    Memory(Memory&& other) noexcept : part_(std::move(other.part_)), held_(std::exchange(other.held_, 0)) {}
    Memory& operator=(Memory other) noexcept {
      part_.swap(other.part_);
      std::swap(held_, other.held_);
      return *this;
    }
    ~Memory() { hold(0); }

    // Sets how many bytes are held. False if that is more than what is left; then nothing changes. Small amounts are
    // not counted: they are bounded by the number of holders.
    bool hold(std::size_t bytes) {
      const std::size_t counted = bytes < least_counted ? 0 : bytes;
      return counted == held_ || change(counted);
    }
    std::size_t held() const { return held_; }

   private:
    friend class Slot;
    static constexpr std::size_t least_counted = 20 * 1024;

    bool change(std::size_t bytes);

    std::shared_ptr<Part> part_;
    std::size_t held_ = 0;
  };

  class Slot {
   public:
    Slot(Slot&& other) noexcept = default;
    Slot& operator=(Slot other) noexcept {
      std::swap(memory_, other.memory_);
      std::swap(place_, other.place_);
      return *this;
    }
    ~Slot();

    Place place() const { return place_; }
    bool is_refused() const { return place_ != Place::served; }
    Memory& memory() { return memory_; }

   private:
    friend class ClientLimit;
    Slot(const std::shared_ptr<Part>& part, Place place) : memory_(part), place_(place) {}

    Memory memory_;  // knows whose slot it is; nobody's after a move
    Place place_;
  };

  // What one peer may have: at most half of all places and of the memory, so that no peer shuts out the clients of all
  // others. May outlive the ClientLimit.
  class Share {
   public:
    explicit Share(const ClientLimit& limit) : part_(std::make_shared<Part>(limit.state_)) {}

    // For memory that belongs to the peer and not to a client.
    Memory memory() const { return Memory(part_); }
    // While this is false, no more clients are accepted. A client that waits to be accepted can already write, and can
    // afford to wait.
    bool can_refuse_more() const { return part_->all->refused < part_->all->refused_limit; }
    // Always returns a slot, even when there are too many refused clients. If this leaves few places, peers are asked
    // to close idle clients.
    Slot admit();
    // For a client that is accepted with a descriptor from the reserve; empty if there is none.
    std::optional<Slot> admit_without_descriptor();
    // True if new clients have to wait until refused ones have left.
    bool is_crowded() const { return !can_refuse_more() || !part_->all->spare.can_lend(); }

    // `close_idle` is called when places run short, overall or for this peer, on any thread and with a lock held: it
    // must only forward the request. With an empty function, no call is made once this has returned; do that before the
    // last copy of this share is destroyed.
    void on_shortage(CloseIdle close_idle);
    // While this is true, idle clients are to be closed, the longest idle first.
    bool is_short() const;

   private:
    Slot refuse(Place place);
    bool has_run_short_of_all() const;
    void ask_to_close_idle();

    std::shared_ptr<Part> part_;
  };

  // At most `refused_limit` clients over the limit are held at once. `idle_times`: how long a client must have been
  // idle to be closed when places run short. The first time is tried first, the next one if that is not enough.
  explicit ClientLimit(std::size_t limit, std::size_t refused_limit = 256,
                       const IdleTimes& idle_times = {std::chrono::minutes{10}, std::chrono::minutes{1},
                                                      std::chrono::seconds{10}})
      : state_(std::make_shared<State>(limit, refused_limit, idle_times)) {}

  // Unless this is called, there is no memory limit.
  void set_memory_limit(std::size_t bytes) { state_->memory_limit = bytes; }
  void set_limit(std::size_t limit) { state_->limit = limit; }
  std::size_t limit() const { return state_->limit; }
  std::size_t served() const { return state_->served; }
  std::size_t refused() const { return state_->refused; }
  std::size_t memory() const { return state_->memory; }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace lonc::net
