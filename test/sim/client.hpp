// A simulated local program: it connects to the socket of a peer, asks, reads its answers, and misbehaves as programs
// do.
#pragma once

#include "sim/judge.hpp"
#include "sim/world.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lonc::sim {

// What a client needs to know about lonc.
struct ClientWorld {
  Judge& judge;
  std::uint64_t seed = 0;
  std::function<std::string(int peer)> path;  // of the socket
  std::function<bool()> is_running;  // lonc accepts clients
  std::function<Time()> longest_wait;  // for an answer
  std::function<std::uint64_t()> life;  // another number each time lonc has stopped, and each time it has started
  std::function<bool()> is_crowded;  // clients were refused for want of places, just now
};

class Client : public std::enable_shared_from_this<Client> {
 public:
  enum class Style { one_by_one, all_at_once, byte_by_byte, pieces };
  struct Plan {
    std::vector<std::string> lines;
    Style style = Style::one_by_one;
    Time think{};       // between an answer and the next line
    Time leaves_at = Time::max();  // after it began
    bool half_closes = false;
    bool stays = false;  // after its last answer, until lonc closes
    bool is_slow = false;  // reads a few bytes at a time
  };

  Client(std::uint64_t number, int peer, Plan plan, ClientWorld& world);

  void start();
  const std::string& name() const { return name_; }
  bool is_over() const { return is_over_; }
  std::size_t right_answers() const { return peer_answers_; }

  void leave();
  // lonc has written to it, has read from it, or has closed it.
  void look();

 private:
  void send_next();
  void put(std::string bytes, Style style);
  void flush();
  void lines_sent();
  void read();
  void take_lines();
  void ended();
  void answered();
  void watch_patience();

  const std::uint64_t number_;
  const int peer_;
  const Plan plan_;
  ClientWorld& world_;
  const std::string name_;
  Draw draw_;
  int fd_ = -1;
  std::size_t next_ = 0;  // line to send
  std::string out_;
  Style style_ = Style::one_by_one;
  bool is_flush_planned_ = false;
  bool is_look_planned_ = false;
  bool is_read_planned_ = false;
  std::uint64_t put_ = 0;  // bytes, and of them
  std::uint64_t sent_ = 0;
  struct Asked {
    Request request;
    std::uint64_t end;  // of its line
    bool is_sent;
  };
  std::deque<Asked> asked_;  // and not answered
  std::string in_;
  std::uint64_t life_ = 0;
  std::uint64_t patience_ = 0;  // number of the latest wait
  bool was_refused_ = false;  // con_lost is all that it has heard
  std::size_t peer_answers_ = 0;
  bool has_ended_sending_ = false;
  bool is_over_ = false;
};

}  // namespace lonc::sim
