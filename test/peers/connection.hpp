// One connection of a lonc to a stand-in host: the handshake, then commands, one after the other.
#pragma once

#include <lonc/core/wire/session_cipher.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace lonc::standin {

class Host;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  template <typename T = void>
  using Task = boost::asio::awaitable<T>;
  using Milliseconds = std::chrono::milliseconds;

  Connection(boost::asio::ip::tcp::socket socket, Host& host);

  // Ends when either side has closed; throws only in case of a bug.
  Task<> serve();
  void close();

 private:
  // The text of a command after `word:`, and how to answer it.
  struct Command {
    std::string_view word;
    std::string_view rest;
    bool encrypted;
  };

  Task<> converse();
  Task<bool> handshake();
  Task<> execute(std::string_view line, bool encrypted);
  Task<> execute_encrypted(std::string_view line);
  bool execute_plain(const Command& command);
  Task<bool> execute_timed(const Command& command);
  Task<bool> execute_broken(const Command& command);
  Task<> pong();
  Task<> exchange_key();

  Task<std::string_view> read_line();
  Task<> wait(Milliseconds duration);
  Task<> wait_for_end();
  Task<> drip(std::string bytes, Milliseconds pause);
  Task<> flush();
  Task<> say(std::string_view line);  // a line of the handshake, byte by byte if the fault is `drip`
  void answer(const Command& command, std::string_view text);
  std::string on_the_wire(const Command& command, std::string_view text);
  void send_unasked(std::string line, Milliseconds after);

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  Host& host_;
  std::optional<core::SessionCipher> cipher_;
  std::string in_;
  std::size_t taken_ = 0;  // bytes of in_ that belong to lines already returned
  std::string out_;
  bool closed_ = false;
};

}  // namespace lonc::standin
