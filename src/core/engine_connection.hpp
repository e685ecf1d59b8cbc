// A lond connection as PeerEngine sees it. Private to the engine.
#pragma once

#include <lonc/core/batch.hpp>
#include <lonc/core/handshake.hpp>
#include <lonc/core/peer_engine.hpp>
#include <lonc/core/session_cipher.hpp>

#include <memory>
#include <string>

namespace lonc::core {

struct PeerEngine::Connection {
  enum class State {
    waiting,      // net was asked for it and has not begun
    connecting,   // name and TCP
    handshaking,  // TCP is up
    ready,        // carries requests
    leaving,      // our own `exit` was written
  };

  Connection(ConnectionId connection_id, const PeerSettings& settings, bool send_pong)
      : id(connection_id), handshake(settings.peer_id, settings.own_id, send_pong, settings.is_this_server) {}

  bool is_idle() const { return state == State::ready && !is_outdated && !batch.is_in_flight(); }
  bool is_opening() const {
    return state == State::waiting || state == State::connecting || state == State::handshaking;
  }

  ConnectionId id;
  State state = State::waiting;
  Handshake handshake;
  // Set when ready: of thousands of peers that are away none has one.
  std::unique_ptr<SessionCipher> cipher;
  Batch batch;                      // in flight, while ready
  ReplyLines handshake_lines;       // what has come for the present step of the handshake
  TimePoint step_deadline = never;  // of connecting, of the present step of the handshake, of leaving
  TimePoint fence_deadline = never;  // while it looks as if the fence, or an answer before it, will not come
  TimePoint heard_at{};              // the latest bytes from lond since the handshake
  TimePoint ready_since{};
  TimePoint idle_since{};
  TimePoint answered_at{};
  bool is_outdated = false;      // leads to an address that the peer had: takes nothing any more
  bool has_answered = false;     // one request at least: the connection works
  bool has_quick_batch = false;  // in flight is only what may go together with others
};

}  // namespace lonc::core
