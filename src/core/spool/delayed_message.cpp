#include <lonc/core/spool/delayed_message.hpp>

#include <lonc/core/base/text.hpp>
#include <lonc/core/wire/session_cipher.hpp>

#include <algorithm>
#include <array>
#include <limits>

namespace lonc::core {

namespace {

CheckedContent bad(std::string reason) { return {DelayedContent::bad, {}, std::move(reason)}; }

constexpr std::size_t longest_name = 255;  // bytes, on any file system that matters
constexpr std::size_t command_bytes = 16;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Removes digits and the dot after them from the front. A number that is too large counts as the largest possible one.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  const std::string_view digits = text.substr(0, dot);
  if (!std::ranges::all_of(digits, is_digit)) return std::nullopt;
  text.remove_prefix(dot + 1);
  return number_in<std::uint64_t>(digits).value_or(std::numeric_limits<std::uint64_t>::max());
}

struct Form {
  std::uint64_t timestamp = 0;
  std::string_view host_id;
};

// Reads a name of five or three parts.
std::optional<Form> read_form(std::string_view text, int parts) {
  const auto timestamp = take_number(text);
  for (; parts > 3; --parts) {
    if (!take_number(text)) return std::nullopt;
  }
  const auto dot = text.find('.');  // after the command, which may be empty and contains no dot
  if (!timestamp || dot == std::string_view::npos || dot + 1 == text.size()) return std::nullopt;
  return Form{*timestamp, text.substr(dot + 1)};
}

bool is_possible(std::string_view name) {
  return name.size() <= longest_name && std::ranges::none_of(name, is_control);
}

}  // namespace

CheckedContent check_delayed_content(std::string_view content, std::string_view host_id, std::size_t limit) {
  if (content.empty()) return {DelayedContent::empty, {}, "it is empty"};
  if (content.find('\0') != std::string_view::npos) return bad("it contains a NUL byte");
  const auto end = content.find('\n');
  const std::string_view line = content.substr(0, end);
  if (line.size() > limit) return bad("its line is longer than max-line-length");
  if (end != std::string_view::npos && content.find_first_not_of('\n', end) != std::string_view::npos)
    return bad("it contains several lines");
  // Only this much was read: there may be more after the line ends.
  if (content.size() > limit + 1) return bad("it is longer than max-line-length");
  if (line.empty()) return bad("its line is empty");
  // lonnet.pm writes the bare command; only the file name contains the host. A writer that put the id here meant
  // something else, and sending the line either as it is or without the id would be a guess.
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
  // A healthy lond never answers con_lost: something behind it has lost its connection to another server.
  if (reply.empty() || word == "con_lost") return DelayedVerdict::retry;
  constexpr std::array<std::string_view, 4> refusals{"refused", "rejected", "unknown_cmd", "error"};
  return std::ranges::find(refusals, word) != refusals.end() ? DelayedVerdict::set_aside : DelayedVerdict::delivered;
}

std::string sent_record(std::string_view host_id, std::string_view line) {
  std::string record = "S:" + std::string(host_id) + ":";
  if (is_encrypted_request(line)) return record.append(encrypt_prefix).append(command_word(line));
  return record.append(line);
}

std::optional<OwnedDelayedName> parse_delayed_name(std::string_view name,
                                                   const std::function<bool(std::string_view id)>& is_host) {
  if (!is_possible(name)) return std::nullopt;
  // A name of five parts can also be read as one of three parts whose host id begins with digits. Such an id is less
  // likely.
  for (const auto& form : {read_form(name, 5), read_form(name, 3)}) {
    if (form && is_host(form->host_id)) return OwnedDelayedName{{form->timestamp, std::string(name)}, form->host_id};
  }
  return std::nullopt;
}

bool is_delayed_name(std::string_view name) { return is_possible(name) && read_form(name, 3).has_value(); }

std::string make_delayed_name(std::uint64_t timestamp, std::uint64_t count, std::uint64_t pid, std::string_view command,
                              std::string_view host_id) {
  std::string name = std::to_string(timestamp) + "." + std::to_string(count) + "." + std::to_string(pid) + ".";
  std::ranges::copy_if(command.substr(0, command_bytes), std::back_inserter(name), is_word_byte);
  return name.append(".").append(host_id);
}

}  // namespace lonc::core
