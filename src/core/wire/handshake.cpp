#include <lonc/core/wire/handshake.hpp>

#include <lonc/core/base/error.hpp>
#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <array>

namespace lonc::core {

namespace {

constexpr std::string_view refused = "refused";

// Everything that lond sends in the handshake is printable ASCII and never empty.
bool is_printable(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

bool is_host_id(std::string_view text) {
  constexpr std::size_t longest = 64;
  return !text.empty() && text.size() <= longest &&
         std::ranges::all_of(text, [](char c) { return is_word_byte(c) || c == '-' || c == '.'; });
}

std::error_code check_challenge(std::string_view line) {
  if (line == refused) return Errc::handshake_refused;
  // The line is sent back unchanged, so a line end of another system does no harm here.
  if (line.ends_with('\r')) line.remove_suffix(1);
  return is_printable(line) ? std::error_code{} : Errc::handshake_garbage;
}

std::error_code check_verdict(std::string_view line) {
  if (line == "ok") return {};
  return line == refused ? Errc::handshake_refused : Errc::handshake_wrong;
}

// A key derived from an error message would seem to work until the first encrypted request.
std::error_code check_build_key(std::string_view line) {
  if (!is_printable(line)) return Errc::handshake_garbage;
  const bool is_answer = line == refused || line.starts_with("error") || line.starts_with("unknown_cmd");
  return is_answer ? Errc::handshake_wrong : std::error_code{};
}

}  // namespace

std::error_code Handshake::on_line(std::string_view line, std::string& send) {
  send.clear();
  if (line.size() > line_limit) return Errc::handshake_too_long;
  switch (step_) {
    case Step::init:
      if (const auto error = check_challenge(line)) return error;
      send = line;
      step_ = Step::challenge;
      return {};
    case Step::challenge:
      if (const auto error = check_verdict(line)) return error;
      send = send_pong_ ? "pong" : "ekey";
      step_ = send_pong_ ? Step::pong : Step::ekey;
      return {};
    case Step::pong:
      if (const auto error = check_pong(line)) return error;
      send = "ekey";
      step_ = Step::ekey;
      return {};
    case Step::ekey:
      if (const auto error = check_build_key(line)) return error;
      key_ = derive_session_key(peer_id_, own_id_, line);
      step_ = Step::done;
      return {};
    case Step::done:
      break;
  }
  return Errc::out_of_turn;
}

// The answer is PEER:WHAT_CAME_BACK, where lond has called this server back through its own lonc. Plain requests work
// between servers that disagree about their names. But the peer must not be this server itself: what is meant for the
// peer must not be executed here and be counted as delivered.
std::error_code Handshake::check_pong(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view peer = line.substr(0, colon);
  const bool is_own = peer == own_id_ && peer_id_ != own_id_;
  if (is_own && !is_this_server_) return Errc::handshake_self;
  if (is_host_id(peer)) lond_id_ = peer;
  if (is_own) return {};
  const std::string own = escape_outside_text(own_id_);
  const std::string wanted = escape_outside_text(peer_id_);
  if (peer != peer_id_) {
    warning_ = "the server reached for " + wanted + " answers pong with '" + escape_outside_text(peer) +
               "': check the address of " + wanted + " in this server's hosts.tab, and lonHostID on the peer";
    return {};
  }
  if (colon == std::string_view::npos) return {};
  const std::string_view us = line.substr(colon + 1);
  // con_lost: the peer could not call back, which says nothing about names. It may just have started.
  if (us == own_id_ || us == "con_lost") return {};
  warning_ = wanted + " knows this server as '" + escape_outside_text(us) + "', not as " + own +
             ": encrypted requests to it may fail; check that the line of " + own +
             " is the same in hosts.tab here and on " + wanted + ", and that no other id there has its address";
  return {};
}

std::string_view to_string(Handshake::Step step) {
  constexpr std::array<std::string_view, 5> names{"init", "challenge", "pong", "ekey", "done"};
  return names.at(static_cast<std::size_t>(step));
}

}  // namespace lonc::core
