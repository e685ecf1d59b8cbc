// What the clients ask: commands that lonc may send several of and others, encrypted and not, of every length.
#pragma once

#include <cstddef>
#include <random>
#include <string>

namespace lonc::chaos {

struct Request {
  std::string line;     // as the client writes it, without line end
  std::string command;  // as the peer reads it
};

class Requests {
 public:
  explicit Requests(std::uint64_t seed) : random_(seed) {}
  // Now and then one of some thousand bytes; rarely, where allowed, one of some million.
  Request next(bool may_be_huge);
  std::size_t below(std::size_t limit) { return random_() % limit; }

 private:
  std::string command(bool may_be_huge);

  std::mt19937_64 random_;
  std::size_t length_ = 0;  // goes through all short lengths
  std::uint64_t nonce_ = 0;
};

}  // namespace lonc::chaos
