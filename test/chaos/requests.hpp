// The requests of the clients: commands that lonc may send in batches and others, encrypted and not, of every length.
#pragma once

#include <cstddef>
#include <random>
#include <string>

namespace lonc::chaos {

struct Request {
  std::string line;     // as the client writes it, without line end
  std::string command;  // as the peer reads it
};

// What the relay under test supports.
struct Dialect {
  bool is_memcache = false;     // `get COMMAND`, answered by a value; otherwise a line for a line
  bool encrypts = true;
  bool closes_on_demand = true;  // knows close_connection_exit
  std::size_t longest = 4'000'000;
};

class Requests {
 public:
  Requests(const Dialect& dialect, std::uint64_t seed) : dialect_(dialect), random_(seed) {}
  // Now and then one of some thousand bytes; rarely, if allowed, one of some million.
  Request next(bool may_be_huge);
  std::size_t below(std::size_t limit) { return random_() % limit; }

 private:
  std::string command(bool may_be_huge);

  const Dialect& dialect_;
  std::mt19937_64 random_;
  std::size_t length_ = 0;  // cycles through all short lengths
  std::uint64_t nonce_ = 0;
};

}  // namespace lonc::chaos
