// How many local clients are served at once, over all peers and of each, and the descriptor kept in reserve for refusing
// more. Accepts and answers nothing.
#pragma once

#include <lonc/net/spare_descriptor.hpp>

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
    SpareDescriptor spare;
  };
  struct Part {
    std::shared_ptr<State> all;
    std::atomic<std::size_t> served{0};
  };

 public:
  enum class Place : unsigned char {
    served,
    over_share,  // this peer has half of all places
    over_limit,  // all places are taken
  };

  class Slot {
   public:
    Slot(Slot&& other) noexcept = default;
    Slot& operator=(Slot&& other) noexcept;
    ~Slot() { release(); }

    Place place() const { return place_; }
    // The client may say its line, is answered con_lost and closed.
    bool is_refused() const { return place_ != Place::served; }

   private:
    friend class ClientLimit;
    Slot(std::shared_ptr<Part> part, Place place) : part_(std::move(part)), place_(place) {}
    void release();

    std::shared_ptr<Part> part_;
    Place place_;
  };

  // What one peer may have: at most half of all places, so that none shuts out the clients of all others. May outlive the
  // ClientLimit.
  class Share {
   public:
    explicit Share(const ClientLimit& limit) : part_(std::make_shared<Part>(limit.state_)) {}
    // Nothing if even the places for refused clients are taken.
    std::optional<Slot> admit();

   private:
    std::shared_ptr<Part> part_;
  };

  // `refused_limit` clients over the limit are still heard out.
  explicit ClientLimit(std::size_t limit, std::size_t refused_limit = 256);

  void set_limit(std::size_t limit) { state_->limit = limit; }
  std::size_t limit() const { return state_->limit; }
  std::size_t served() const { return state_->served; }
  SpareDescriptor& spare() { return state_->spare; }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace lonc::net
