#include <lonc/core/handshake.hpp>

#include <lonc/core/error.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

namespace {

constexpr std::string_view refused = "refused";

// Everything that lond says in the handshake is printable ASCII, and never nothing.
bool is_printable(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

bool is_host_id(std::string_view text) {
  constexpr std::size_t longest = 64;
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
}

std::error_code check_challenge(std::string_view line) {
  if (line == refused) return Errc::handshake_refused;
  // It goes back as it came, so a line end of another system does no harm here.
  if (line.ends_with('\r')) line.remove_suffix(1);
  return is_printable(line) ? std::error_code{} : Errc::handshake_garbage;
}

std::error_code check_verdict(std::string_view line) {
  if (line == "ok") return {};
  return line == refused ? Errc::handshake_refused : Errc::handshake_wrong;
}

// A key derived from an error message would look like a working one until the first encrypted request.
std::error_code check_build_key(std::string_view line) {
  if (!is_printable(line)) return Errc::handshake_garbage;
  const bool is_answer = line == refused || line.starts_with("error") || line.starts_with("unknown_cmd");
  return is_answer ? Errc::handshake_wrong : std::error_code{};
}

}  // namespace

Handshake::Handshake(std::string_view peer_id, std::string_view own_id, bool send_pong, bool is_this_server)
    : peer_id_(peer_id), own_id_(own_id), send_pong_(send_pong), is_this_server_(is_this_server) {}

std::error_code Handshake::on_line(std::string_view line, std::string& send) {
  send.clear();
  if (line.size() > line_limit) return Errc::handshake_too_long;
  std::error_code error;
  switch (step_) {
    case Step::init:
      error = check_challenge(line);
      if (error) break;
      send = line;
      step_ = Step::challenge;
      break;
    case Step::challenge:
      error = check_verdict(line);
      if (error) break;
      send = send_pong_ ? "pong" : "ekey";
      step_ = send_pong_ ? Step::pong : Step::ekey;
      break;
    case Step::pong:
      error = check_pong(line);
      if (error) break;
      send = "ekey";
      step_ = Step::ekey;
      break;
    case Step::ekey:
      error = check_build_key(line);
      if (error) break;
      key_ = derive_session_key(peer_id_, own_id_, line);
      step_ = Step::done;
      break;
    case Step::done:
      error = Errc::out_of_turn;
      break;
  }
  return error;
}

// The answer is PEER:WHAT_CAME_BACK, where lond has called this server through its own lonc. Plain requests work between
// servers that disagree on their names. But this server itself is no other: what is meant for the peer must not be
// carried out here, and be taken for delivered.
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
  // con_lost: the peer could not call back, which says nothing about names. It may just have been started.
  if (us == own_id_ || us == "con_lost") return {};
  warning_ = wanted + " knows this server as '" + escape_outside_text(us) + "', not as " + own +
             ": encrypted requests to it may fail; check that the line of " + own +
             " is the same in hosts.tab here and on " + wanted + ", and that no other id there has its address";
  return {};
}

std::string Handshake::take_warning() { return std::exchange(warning_, {}); }

std::string_view to_string(Handshake::Step step) {
  switch (step) {
    case Handshake::Step::init:
      return "init";
    case Handshake::Step::challenge:
      return "challenge";
    case Handshake::Step::pong:
      return "pong";
    case Handshake::Step::ekey:
      return "ekey";
    case Handshake::Step::done:
      return "done";
  }
  return "unknown";
}

}  // namespace lonc::core
