#include "chaos/requests.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace lonc::chaos {

namespace {

constexpr std::size_t longest_short = 70;
constexpr std::array<std::string_view, 8> words{"get:", "load", "ls:", "put:", "log:", "x", "get:big", "dump:"};

}  // namespace

Request Requests::next(bool may_be_huge) {
  std::string text = command(may_be_huge);
  if (dialect_.is_memcache) return {"get " + text + "\r", text};
  if (dialect_.encrypts && below(16) == 0) return {"encrypt:" + text, text};
  return {text, text};
}

std::string Requests::command(bool may_be_huge) {
  std::size_t length = length_ = length_ % longest_short + 1;
  const std::size_t kind = below(20'000);
  if (kind < 20) length = 1000 + below(30'000);
  if (kind == 20 && may_be_huge) length = 1'000'000 + below(3'000'000);
  length = std::min(length, dialect_.longest);
  std::string text(words[below(kind % 100 == 0 ? words.size() : words.size() - 2)]);
  if (length <= text.size() || text == "load" || text == "ls:") {
    return length < 3 ? std::string(length, 'x') : (below(2) == 0 ? "load" : "ls");
  }
  text += std::to_string(++nonce_);  // as many digits as fit: a short request may occur twice
  if (text.size() > length) text.resize(length);
  text.append(length - text.size(), 'k');
  return text;
}

}  // namespace lonc::chaos
