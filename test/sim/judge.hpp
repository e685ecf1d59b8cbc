// The truth about all requests and answers: which lines clients have sent, which lines each peer has received, and
// every line that a peer has written. By it each answer that reaches a client is judged.
#pragma once

#include "sim/world.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lonc::sim {

// What lonc has written to a connection in one piece, as the peer saw it: requests and the fence after them.
struct BatchTruth {
  int omitted = 0;  // lines that the peer owed and did not write
  int added = 0;  // lines that it did not owe
  bool is_fenced = false;
};

// One line that a peer wrote. Each is different, a copy from its original too, so that nothing can be mistaken.
struct WrittenLine {
  enum class Kind { answer, copy, unasked, garbled };
  Kind kind = Kind::answer;
  int peer = 0;
  std::uint64_t request = 0;  // serial number of the request that it answers; 0: none
  std::uint64_t hash = 0;  // of the line
  bool is_first = false;  // of its connection
  std::shared_ptr<BatchTruth> batch;
};

// What a peer says unasked when it does not end its line.
inline constexpr std::string_view half_line = "half a line";

struct Request {
  int peer = 0;
  std::string line;  // as the client has sent it
};

class Judge {
 public:
  // --- from clients
  void sent(const Request& request);
  // `line` is the answer that a client has read. False if the answer is not one of the peer's.
  bool answered(const Request& request, std::string_view line);

  // --- from peers
  // `line` after decryption. Returns the serial number of the request.
  std::uint64_t received(int peer, std::string_view line, const std::shared_ptr<BatchTruth>& batch);
  // Makes the line of a peer: unique, and `padding` bytes longer than it must be.
  std::string write(WrittenLine line, std::size_t padding);

  // --- delayed messages: filed by a program, delivered to a peer, named in the log as possibly doubled
  void filed(int peer, const std::string& name, const std::string& line);
  // A line of lonc.log, which may name a message.
  void logged(const std::string& line);
  void set_aside(const std::string& name);
  void check_delayed();
  // For long runs, at a time when no client waits: drops what was settled before the previous call. What still comes of
  // that is a violation. `left`: the names of messages that are still in the spool.
  void forget_settled(const std::set<std::string>& left);
  std::size_t undelivered() const;

  static std::string id_of(int peer) { return "p" + std::to_string(peer); }

 private:
  using Key = std::pair<int, std::uint64_t>;  // peer and hash of the line
  struct Tally {
    int sent = 0;
    int received = 0;
    std::shared_ptr<BatchTruth> batch;  // of the latest
    std::uint64_t period = 0;  // between two calls of forget_settled()
  };
  struct Received {
    int peer = 0;
    std::uint64_t hash = 0;
    bool is_answered = false;  // its answer has reached a client
  };
  struct Delayed {
    int peer = 0;
    std::string name;
    Key key;
    std::uint64_t period = 0;
    int arrivals = 0;
    bool is_named = false;
    bool is_set_aside = false;
  };

  static std::string content_of(std::string_view line);
  bool is_excused(const WrittenLine* line, const Tally* tally) const;
  void wrong(std::string_view kind, const Request& request, std::string_view line, const WrittenLine* written);
  void delayed_received(std::size_t number);
  static void check(const Delayed& message);

  std::map<Key, Tally> tallies_;
  std::map<std::uint64_t, Received> received_;  // by serial number
  std::map<std::uint64_t, WrittenLine> written_;
  std::uint64_t last_received_ = 0;
  std::uint64_t last_written_ = 0;
  std::map<std::size_t, Delayed> delayed_;
  std::size_t filed_ = 0;
  std::uint64_t period_ = 0;
  std::uint64_t received_before_ = 0;  // up to the end of the previous period
  std::uint64_t written_before_ = 0;
  std::map<Key, std::size_t> delayed_by_line_;
  std::map<std::string, std::size_t> delayed_by_name_;
  std::map<int, std::size_t> latest_delayed_;  // of each peer, one more than its number
};

}  // namespace lonc::sim
