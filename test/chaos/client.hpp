// One client of lonc with its habit. It takes one step whenever its socket is ready or its pause is over.
#pragma once

#include "bench/wire.hpp"
#include "chaos/judge.hpp"
#include "chaos/requests.hpp"

#include <deque>
#include <set>
#include <string>
#include <string_view>

namespace lonc::chaos {

enum class Habit {
  single,      // a connection for each request
  kept,        // one connection for many
  packet,      // several lines in one write
  bytewise,    // a byte at a time
  half_close,  // closes its writing direction after its request
  leaving,     // leaves before the answer
  slow,        // reads a few bytes at a time
  worker,      // after con_lost twice it sends close_connection_exit, as an Apache worker of 2002 does
};
inline constexpr unsigned habits = 8;

// Shared by all clients.
struct Field {
  std::string directory;          // of the sockets
  unsigned peers = 20;
  Dialect dialect{};
  std::chrono::milliseconds limit{20'000};  // after which a request without an answer counts as hung
  std::uint64_t asked = 0;
  std::uint64_t enough = 0;       // total number of requests
  bool is_paused = false;         // the driver measures the memory
  bool is_lonc_down = false;      // the driver has ended lonc, or is about to end it
  std::uint64_t lives = 0;        // how often it has ended lonc
  std::set<std::string> moving{}; // hosts that the driver is removing or moving
  int epoll = -1;
  Judge judge{};
};

class Client {
 public:
  using Time = Judge::Time;

  Client(Field& field, unsigned number, std::uint64_t seed)
      : field_(field), habit_(static_cast<Habit>(number % habits)), number_(number), requests_(field.dialect, seed) {}

  // The socket is ready.
  void serve(std::uint32_t events);
  // Starts, continues after a pause, and checks the time limits.
  void look(Time now);
  bool is_idle() const { return waiting_.empty(); }

 private:
  void begin(Time now);
  bool connect();
  void ask(Time now);
  bool send();
  void read();
  void take_lines();
  void take(std::string_view line);
  // The connection is over: waiting requests get their verdict.
  void end(bool is_excused);
  void leave();
  void pause(std::chrono::milliseconds time);
  bool is_excused() const;
  void watch(std::uint32_t events);

  Field& field_;
  Habit habit_;
  unsigned number_;
  Requests requests_;
  bench::Socket socket_;
  std::uint32_t watched_ = 0;
  std::string peer_;
  std::uint64_t life_ = 0;  // field_.lives when the connection was made
  std::deque<Expectation> waiting_;
  std::string in_;
  std::string out_;
  std::size_t sent_ = 0;
  Time paused_until_{};
  Time closing_deadline_{};
  unsigned left_on_connection_ = 0;
  unsigned con_lost_in_a_row_ = 0;
  bool is_closing_connection_ = false;  // it has sent close_connection_exit
};

}  // namespace lonc::chaos
