// A lond connection as PeerEngine sees it. Private to the engine.
#pragma once

#include <lonc/core/fifo.hpp>
#include <lonc/core/handshake.hpp>
#include <lonc/core/peer_engine.hpp>
#include <lonc/core/session_cipher.hpp>

#include <memory>
#include <string>

namespace lonc::core {

// Nothing is written behind a request that has been in flight for longer.
inline constexpr Duration longest_pipelined_wait = std::chrono::seconds{1};

// A request that has been written and is not answered yet.
struct PeerEngine::InFlight {
  ClientId client{};
  TimePoint accepted{};  // of a delayed message: when it was written
  bool is_delayed = false;         // from the disk: there is no client
  TimePoint written{};             // this and all below is set by send()
  std::string word{};              // the command word, short enough never to be on the heap
  bool may_be_followed = false;    // by pipelined requests, before it is answered
};

struct PeerEngine::Connection {
  enum class State {
    waiting,      // net was asked for it and has not begun
    connecting,   // name and TCP
    handshaking,  // TCP is up
    ready,        // carries requests
    leaving,      // our own `exit` was written
  };

  Connection(ConnectionId connection_id, const PeerSettings& settings, bool send_pong)
      : id(connection_id), handshake(settings.peer_id, settings.own_id, send_pong) {}

  bool is_idle() const { return state == State::ready && in_flight.empty(); }
  bool is_opening() const {
    return state == State::waiting || state == State::connecting || state == State::handshaking;
  }

  ConnectionId id;
  State state = State::waiting;
  Handshake handshake;
  // Set when ready: of thousands of peers that are away none has one.
  std::unique_ptr<SessionCipher> cipher;
  Fifo<InFlight> in_flight;             // replies come in the order of the requests
  TimePoint step_deadline = never;      // of connecting, of the present step of the handshake, of leaving
  TimePoint ready_since{};
  TimePoint idle_since{};
  Duration last_round_trip = Duration::max();  // of a client's request, from the writing to the answer
  bool has_answered = false;  // one request at least: the connection works
};

}  // namespace lonc::core
