// The dialogue that opens a connection to lond: init, challenge, ok, pong (at most once per peer), ekey.
#pragma once

#include <lonc/core/wire/session_cipher.hpp>

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace lonc::core {

class Handshake {
 public:
  // What was sent and has not been answered yet.
  enum class Step {
    init,       // waiting for the challenge
    challenge,  // the challenge was echoed; waiting for `ok`
    pong,       // lond may be calling us back before it answers
    ekey,       // waiting for the build key
    done,       // session_key() is valid
  };

  // The lines that lond itself sends in the handshake are short; a longer one is Errc::handshake_too_long.
  static constexpr std::size_t line_limit = 1024;

  // `is_this_server`: the peer is another name of this server, which therefore answers with its own id.
  Handshake(std::string_view peer_id, std::string_view own_id, bool send_pong, bool is_this_server = false)
      : peer_id_(peer_id), own_id_(own_id), send_pong_(send_pong), is_this_server_(is_this_server) {}

  // The first line to send.
  std::string_view start() const { return "init"; }

  // Takes lond's next line. On success `send` is the line to send next; it is empty once the step is `done`.
  std::error_code on_line(std::string_view line, std::string& send);

  Step step() const { return step_; }
  const SessionKey& session_key() const { return key_; }
  // The id that lond gave in its answer to pong. Empty before that answer, and if the answer contained no id.
  const std::string& lond_id() const { return lond_id_; }

  // What was odd about the answer to pong, with both ids; empty if nothing was. Returned once only.
  std::string take_warning() { return std::exchange(warning_, {}); }

 private:
  std::error_code check_pong(std::string_view line);

  std::string peer_id_;
  std::string own_id_;
  bool send_pong_;
  bool is_this_server_;
  std::string lond_id_;
  Step step_ = Step::init;
  SessionKey key_{};
  std::string warning_;
};

// "init", "challenge", ... for status and log.
std::string_view to_string(Handshake::Step step);

}  // namespace lonc::core
