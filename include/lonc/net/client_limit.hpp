// How many local clients are served at once and what memory their lines and answers may take, over all peers and of
// each; and how many more are held for as long as it takes to refuse them. Accepts and answers nothing.
#pragma once

#include <lonc/net/spare_descriptors.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace lonc::net {

// All members may be called from any thread. A slot may outlive the ClientLimit.
class ClientLimit {
 private:
  struct State {
    std::atomic<std::size_t> limit;
    std::atomic<std::size_t> refused_limit;
    std::atomic<std::size_t> served{0};
    std::atomic<std::size_t> refused{0};
    std::atomic<std::size_t> memory_limit;
    std::atomic<std::size_t> memory{0};
    SpareDescriptors spare;
  };
  struct Part {
    std::shared_ptr<State> all;
    std::atomic<std::size_t> served{0};
    std::atomic<std::size_t> memory{0};
  };

 public:
  enum class Place : unsigned char {
    served,
    over_share,  // refused: this peer has half of all places
    over_limit,  // refused: all places are taken
    no_descriptor,  // refused, with a descriptor of the reserve
  };

  class Slot {
   public:
    Slot(Slot&& other) noexcept = default;
    Slot& operator=(Slot&& other) noexcept;
    ~Slot() { release(); }

    Place place() const { return place_; }
    bool is_refused() const { return place_ != Place::served; }
    // So many bytes are held for this client from now on. False if that is more than what is left for it; then it is as
    // before.
    bool hold(std::size_t bytes);
    std::size_t held() const { return held_; }

   private:
    friend class ClientLimit;
    Slot(std::shared_ptr<Part> part, Place place) : part_(std::move(part)), place_(place) {}
    void release();

    std::shared_ptr<Part> part_;
    Place place_;
    std::size_t held_ = 0;
  };

  // What one peer may have: at most half of all places and of the memory, so that none shuts out the clients of all
  // others. May outlive the ClientLimit.
  class Share {
   public:
    explicit Share(const ClientLimit& limit) : part_(std::make_shared<Part>(limit.state_)) {}

    // As long as this is not so, nobody more is accepted: who waits to be accepted can write, and has time.
    bool can_refuse_more() const { return part_->all->refused < part_->all->refused_limit; }
    // Always gives one, also where those who are refused become too many.
    Slot admit();
    // For one that is accepted with a descriptor of the reserve; nothing if there is none.
    std::optional<Slot> admit_without_descriptor();
    // Others wait until those who have been refused are gone.
    bool is_crowded() const { return !can_refuse_more() || !part_->all->spare.can_lend(); }

   private:
    Slot refuse(Place place);

    std::shared_ptr<Part> part_;
  };

  // `refused_limit` clients over the limit are held at once.
  explicit ClientLimit(std::size_t limit, std::size_t refused_limit = 256);

  // Without it there is none.
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
