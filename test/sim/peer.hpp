// A simulated lond: the far ends of lonc's connections to one peer, with everything that can go wrong there.
#pragma once

#include "sim/judge.hpp"
#include "sim/world.hpp"

#include <lonc/core/wire/session_cipher.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::sim {

class Peer {
 public:
  // What happens to the next answer. `unasked` and `empty` follow it.
  enum class AnswerFault {
    omit,
    omit_fence,
    twice,
    fence_twice,
    copy_later,
    unasked,
    empty,
    garbled,
    half,
    half_reset,
    late,
    mute
  };
  // What lasts for a while.
  enum class State { down, dead, slow_connect, silent, refusing, garbage_handshake, trickling, frozen, no_fence, slow };

  Peer(int number, std::uint64_t seed, Judge& judge);

  // --- what the script does
  void fault(AnswerFault fault, Time amount) { answer_faults_.push_back({fault, amount}); }
  void enter(State state, Time time);
  void close_all(bool is_reset);
  void restart(Time time);
  void speak_unasked(std::string_view bytes);  // on all its connections
  void heal();
  void serve_at_most(std::size_t connections) { most_served_ = connections; }
  void take_base_latency(Time latency) { latency_ = latency; }
  bool refuses_delayed = false;

  // --- what lonc does
  int connecting(int fd, int place);
  int connect_error(int fd);
  void has_written(int fd, std::size_t bytes);
  void has_read(int fd);
  void has_closed(int fd);
  std::size_t connections_to(int place) const;

 private:
  struct Fault {
    AnswerFault kind;
    Time amount;
  };
  struct Reply {
    std::string line;  // of the request, decrypted
    bool is_encrypted = false;
    std::uint64_t serial = 0;
    Time written_at{};  // by lonc
  };
  struct Connection {
    std::uint64_t id = 0;
    int fd = -1;
    int lonc_fd = -1;
    int place = 0;
    int connect_error = 0;
    bool is_pending = false;  // not connected yet: its buffer is full of what is not read
    bool is_mute = false;
    bool is_trickling = false;
    bool is_ready = false;  // the handshake is over
    bool has_written = false;  // since the handshake
    std::string in;
    std::string out;
    std::vector<std::pair<std::uint64_t, Time>> writes;  // of lonc: where they end, and when they were
    std::uint64_t written = 0;
    std::uint64_t consumed = 0;
    std::string challenge;
    std::unique_ptr<core::SessionCipher> cipher;
    std::deque<Reply> replies;
    Time last_due{};
    Time blocked_until{};  // no answer before
    std::shared_ptr<BatchTruth> batch = std::make_shared<BatchTruth>();
    bool is_batch_over = false;  // the fence was answered
    int added_since_fence = 0;
    Time noise_at{-1};    // when it said something with nothing in flight
    Time omitted_at{-1};  // when lonc wrote the latest request that was not answered
    bool is_flush_planned = false;
  };
  using Shared = std::shared_ptr<Connection>;

  bool is_in(State state) const { return until_[static_cast<std::size_t>(state)] > World::get().now(); }
  Time until(State state) const { return until_[static_cast<std::size_t>(state)]; }
  void accept(const Shared& connection);
  void read(const Shared& connection);
  void line(const Shared& connection, std::string line, Time written_at);
  void handshake(const Shared& connection, const std::string& line);
  void request(const Shared& connection, std::string line, Time written_at);
  void answer_next(const Shared& connection);
  void answer(const Shared& connection, const Reply& reply);
  void add(const Shared& connection, const std::string& line);
  void say(const Shared& connection, const std::string& text);
  static void note_noise(Connection& connection, const std::string& text);
  void flush(const Shared& connection);
  void close(const Shared& connection, bool is_reset);
  std::optional<Fault> take_fault(bool is_fence);
  Time next_latency();
  Shared find(int lonc_fd) const;
  void trace(std::string_view what) const { World::get().trace(Judge::id_of(number_), what); }

  const int number_;
  Draw draw_;
  Judge& judge_;
  std::map<int, Shared> connections_;  // by lonc's descriptor
  std::uint64_t last_id_ = 0;
  std::deque<Fault> answer_faults_;
  std::array<Time, 10> until_{};
  std::size_t most_served_ = SIZE_MAX;
  Time latency_ = 1ms;
};

}  // namespace lonc::sim
