#include "chaos/judge.hpp"

#include "chaos/token.hpp"

#include <utility>

namespace lonc::chaos {

namespace {

constexpr std::size_t most_complaints = 20;
constexpr std::size_t shown = 24;
constexpr std::uint32_t most_serials = 1U << 30;  // a damaged line must not take all memory

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::crossed:
      return "crossed";
    case Verdict::doubled:
      return "doubled";
    case Verdict::lost:
      return "lost";
    case Verdict::hung:
      return "hung";
    default:
      return "";
  }
}

std::string printable(std::string_view line) {
  std::string result(line.substr(0, 80));
  for (char& byte : result) {
    if (byte < ' ' || byte > '~') byte = '.';
  }
  return result;
}

}  // namespace

Expectation Judge::expect(std::string peer, std::string_view request, Time deadline) {
  return {std::move(peer), hash_of(request), deadline, Verdict::waiting, std::string(request.substr(0, shown))};
}

Verdict Judge::answered(Expectation& request, std::string_view line) {
  if (request.verdict != Verdict::waiting) {
    ++late_;
    return request.verdict;
  }
  return decide(request, verdict_of(request, line), line);
}

void Judge::unasked() {
  ++counts_[Verdict::crossed];
  if (complaints_.size() < most_complaints) complaints_.emplace_back("crossed: a line while nothing was asked");
}

Verdict Judge::ended(Expectation& request, bool is_excused) {
  if (request.verdict != Verdict::waiting) return request.verdict;
  return decide(request, is_excused ? Verdict::excused : Verdict::lost, "");
}

Verdict Judge::look(Expectation& request, Time now) {
  if (request.verdict != Verdict::waiting || now < request.deadline) return request.verdict;
  return decide(request, Verdict::hung, "");
}

Verdict Judge::verdict_of(const Expectation& request, std::string_view line) {
  if (line == "con_lost") return Verdict::con_lost;
  const auto token = read(line);
  if (!token || token->kind == Kind::unasked || token->peer != request.peer || token->hash != request.hash)
    return Verdict::crossed;
  return mark_delivered(token->incarnation, token->serial) ? Verdict::doubled : Verdict::right;
}

Verdict Judge::decide(Expectation& request, Verdict verdict, std::string_view line) {
  request.verdict = verdict;
  ++counts_[verdict];
  const std::string name = name_of(verdict);
  if (!name.empty() && complaints_.size() < most_complaints)
    complaints_.push_back(name + ": asked " + request.peer + " '" + request.beginning + "', got '" + printable(line) +
                          "'");
  return verdict;
}

bool Judge::mark_delivered(std::uint64_t incarnation, std::uint32_t serial) {
  if (serial >= most_serials) return true;
  auto& serials = delivered_[incarnation];
  if (serials.size() <= serial) serials.resize(serial + 1);
  const bool was = serials[serial];
  serials[serial] = true;
  return was;
}

std::uint64_t Judge::count(Verdict verdict) const {
  const auto found = counts_.find(verdict);
  return found == counts_.end() ? 0 : found->second;
}

std::uint64_t Judge::decided() const {
  std::uint64_t sum = 0;
  for (const auto& [verdict, count] : counts_) sum += count;
  return sum;
}

bool Judge::is_content() const {
  return count(Verdict::crossed) + count(Verdict::doubled) + count(Verdict::lost) + count(Verdict::hung) + late_ == 0;
}

}  // namespace lonc::chaos
