#include <lonc/core/delayed_message.hpp>

#include <lonc/core/session_cipher.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <array>

namespace lonc::core {

namespace {

CheckedContent bad(std::string reason) { return {DelayedContent::bad, {}, std::move(reason)}; }

}  // namespace

CheckedContent check_delayed_content(std::string_view content, std::string_view host_id, std::size_t limit) {
  if (content.empty()) return {DelayedContent::empty, {}, "it is empty"};
  if (content.find('\0') != std::string_view::npos) return bad("it holds a NUL byte");
  const auto end = content.find('\n');
  const std::string_view line = content.substr(0, end);
  if (line.size() > limit) return bad("its line is longer than max-line-length");
  if (end != std::string_view::npos && content.find_first_not_of('\n', end) != std::string_view::npos)
    return bad("it holds several lines");
  // Only so much of it was read: there may be more behind the line ends.
  if (content.size() > limit + 1) return bad("it is longer than max-line-length");
  if (line.empty()) return bad("its line is empty");
  // lonnet.pm writes the bare command: the host stands in the name alone. Whoever wrote this meant something else, and
  // sending it as it is or without the id would both be a guess.
  if (line.starts_with(host_id) && line.substr(host_id.size()).starts_with(':'))
    return bad("its line begins with the host id, so it was not written by LON-CAPA's own writer");
  return {end == std::string_view::npos ? DelayedContent::unterminated : DelayedContent::whole, line, {}};
}

std::string_view reply_word(std::string_view reply) {
  if (reply.empty()) return "empty";
  constexpr std::array<std::string_view, 11> known{"bye",       "ok",           "con_lost",  "refused",
                                                   "rejected",  "unknown_cmd",  "error",     "not_home",
                                                   "not_found", "no_such_host", "authorized"};
  const auto at = std::ranges::find(known, reply.substr(0, reply.find_first_of(": ")));
  return at != known.end() ? *at : "other";
}

DelayedVerdict judge_delayed_reply(std::string_view reply) {
  const std::string_view word = reply.substr(0, reply.find_first_of(": "));
  // A healthy lond never says con_lost: something behind it has lost somebody else.
  if (reply.empty() || word == "con_lost") return DelayedVerdict::retry;
  constexpr std::array<std::string_view, 4> refusals{"refused", "rejected", "unknown_cmd", "error"};
  return std::ranges::find(refusals, word) != refusals.end() ? DelayedVerdict::set_aside : DelayedVerdict::delivered;
}

std::string sent_record(std::string_view host_id, std::string_view line) {
  std::string record = "S:" + std::string(host_id) + ":";
  if (is_encrypted_request(line)) return record.append(encrypt_prefix).append(command_word(line));
  return record.append(line);
}

}  // namespace lonc::core
