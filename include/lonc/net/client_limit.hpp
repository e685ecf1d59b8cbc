// How many local clients are served at once, over all peers, and the descriptor kept in reserve for
// refusing more. Accepts and answers nothing.
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

 public:
  class Slot {
   public:
    Slot(Slot&& other) noexcept = default;
    Slot& operator=(Slot&& other) noexcept;
    ~Slot() { release(); }

    // Over the limit: the client may say its line, is answered con_lost and closed.
    bool is_refused() const { return is_refused_; }

   private:
    friend class ClientLimit;
    Slot(std::shared_ptr<State> state, bool is_refused) : state_(std::move(state)), is_refused_(is_refused) {}
    void release();

    std::shared_ptr<State> state_;
    bool is_refused_;
  };

  // `refused_limit` clients over the limit are still heard out.
  explicit ClientLimit(std::size_t limit, std::size_t refused_limit = 256);

  // Nothing if even the places for refused clients are taken.
  std::optional<Slot> admit();
  void set_limit(std::size_t limit) { state_->limit = limit; }
  std::size_t served() const { return state_->served; }
  SpareDescriptor& spare() { return state_->spare; }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace lonc::net
