// Decides the outcome of each request, and counts outcomes. It knows no sockets and no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::chaos {

enum class Verdict {
  waiting,   // not decided yet
  right,     // an answer that its peer gave to a request of exactly these bytes
  con_lost,
  crossed,   // an answer to another request or of another peer, or bytes that are no complete answer
  doubled,   // an answer that was already delivered
  lost,      // the connection ended without an answer, and nothing excuses it
  hung,      // no answer within the limit
  excused,   // ended without an answer: the client left, or lonc was killed or lost this host
};

struct Expectation {
  std::string peer;
  std::uint64_t hash = 0;
  std::chrono::steady_clock::time_point deadline{};
  Verdict verdict = Verdict::waiting;
  std::string beginning;  // of the request, for complaints
};

class Judge {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static Expectation expect(std::string peer, std::string_view request, Time deadline);

  // A complete line without its line end. A line for a request that has been decided already is counted as late.
  Verdict answered(Expectation& request, std::string_view line);
  // A line without a pending request.
  void unasked();
  // End of file or an error instead of the answer.
  Verdict ended(Expectation& request, bool is_excused);
  // Hung if its deadline has passed.
  Verdict look(Expectation& request, Time now);

  std::uint64_t count(Verdict verdict) const;
  std::uint64_t late() const { return late_; }
  std::uint64_t decided() const;
  // Nothing crossed, doubled, lost, hung or late.
  bool is_content() const;
  // The first faults, at most a few lines, with the first bytes of the request and of the answer.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  Verdict verdict_of(const Expectation& request, std::string_view line);
  Verdict decide(Expectation& request, Verdict verdict, std::string_view line);
  // True if it was marked already.
  bool mark_delivered(std::uint64_t incarnation, std::uint32_t serial);

  std::map<Verdict, std::uint64_t> counts_;
  std::uint64_t late_ = 0;
  std::map<std::uint64_t, std::vector<bool>> delivered_;  // serials by incarnation
  std::vector<std::string> complaints_;
};

}  // namespace lonc::chaos
