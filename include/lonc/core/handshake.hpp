// The dialogue that opens a lond connection: init, challenge, ok, pong (at most once per peer), ekey.
#pragma once

#include <lonc/core/session_key.hpp>

#include <string>
#include <string_view>
#include <system_error>

namespace lonc::core {

class Handshake {
 public:
  // What has been sent and is not answered yet.
  enum class Step {
    init,       // the challenge is awaited
    challenge,  // the challenge was echoed, `ok` is awaited
    pong,       // lond may be calling us back before it answers
    ekey,       // the build key is awaited
    done,       // session_key() is valid
  };

  // lond's own lines in the handshake are short; a longer one is Errc::handshake_too_long.
  static constexpr std::size_t line_limit = 1024;

  // `is_this_server`: the peer is another name of this server, which then answers with its own id.
  Handshake(std::string_view peer_id, std::string_view own_id, bool send_pong, bool is_this_server = false);

  // The first line to send.
  std::string_view start() const { return "init"; }

  // Takes lond's next line; on success `send` is the line to send next, empty once the step is `done`.
  std::error_code on_line(std::string_view line, std::string& send);

  Step step() const { return step_; }
  const SessionKey& session_key() const { return key_; }
  // What lond called itself in its answer to pong; empty before it, and if that was no id.
  const std::string& lond_id() const { return lond_id_; }

  // Told once: what was odd about the answer to pong, with both ids; empty if nothing.
  std::string take_warning();

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
