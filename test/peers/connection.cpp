#include "peers/connection.hpp"

#include "peers/call_back.hpp"
#include "peers/host.hpp"
#include "peers/random_text.hpp"

#include <lonc/core/wire/session_cipher.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <unistd.h>

#include <ctime>
#include <exception>
#include <utility>

namespace asio = boost::asio;

namespace lonc::standin {

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t overlong_digits = 100'000;
constexpr std::size_t read_size = 64 * 1024;
constexpr std::chrono::milliseconds handshake_drip{3};

void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

// Ends the conversation: one side has closed.
[[noreturn]] void end() { throw boost::system::system_error(asio::error::eof); }

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, Host& host)
    : socket_(std::move(socket)), timer_(socket_.get_executor()), host_(host) {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Connection::close() {
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
}

Connection::Task<> Connection::serve() {
  try {
    co_await converse();
  } catch (const boost::system::system_error&) {
    // The usual end: the other side has closed, or close() was called.
  }
}

Connection::Task<> Connection::converse() {
  if (host_.fault() == Fault::accept_only) co_await wait_for_end();
  if (!co_await handshake()) co_return;
  while (true) {
    const std::string line(co_await read_line());
    if (line.starts_with(core::encrypted_prefix)) {
      co_await execute_encrypted(line);
    } else {
      co_await execute(line, false);
    }
  }
}

Connection::Task<bool> Connection::handshake() {
  const Fault fault = host_.fault();
  const bool is_init = co_await read_line() == "init";
  if (fault == Fault::close_init) co_return false;
  if (fault == Fault::silent_init) co_await wait_for_end();
  if (!is_init || fault == Fault::refuse) {
    co_await say("refused");
    co_return false;
  }
  std::string challenge = std::to_string(::getpid()) + std::to_string(std::time(nullptr));
  if (fault == Fault::overlong) challenge = random_digits(overlong_digits);
  if (fault == Fault::garbage) challenge = random_bytes(40);
  co_await say(challenge);

  const bool is_same = co_await read_line() == challenge;
  if (fault == Fault::close_ok) co_return false;
  if (fault == Fault::silent_ok) co_await wait_for_end();
  if (fault == Fault::wrong) {
    co_await say("not_today");
    co_await wait_for_end();
  }
  co_await say(is_same ? "ok" : "refused");
  co_return is_same;
}

// --- commands

Connection::Task<> Connection::execute_encrypted(std::string_view line) {
  std::string text;
  if (!cipher_) {
    out_ += "error:no_key\n";
  } else if (cipher_->decrypt(line, text)) {
    out_ += "error:not_decodable\n";
  } else {
    co_await execute(text, true);
  }
}

Connection::Task<> Connection::execute(std::string_view line, bool encrypted) {
  if (line == "pong") {
    co_await pong();
  } else if (line == "ekey") {
    co_await exchange_key();
  } else {
    const auto colon = line.find(':');
    const Command command{line.substr(0, colon),
                          colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1), encrypted};
    // lonc sends one after each request, to detect an omitted answer.
    const bool is_fence = line == "ping" && !encrypted;
    if (!is_fence) ++host_.counters().requests;
    if (const auto& journal = host_.environment().journal; journal && !is_fence)
      journal->note(host_.id(), encrypted, line);
    if (execute_plain(command)) co_return;
    if (co_await execute_timed(command)) co_return;
    if (co_await execute_broken(command)) co_return;
    answer(command, "unknown_cmd");
  }
}

bool Connection::execute_plain(const Command& command) {
  if (command.word == "echo") {
    answer(command, command.rest);
  } else if (command.word == "ping" || command.word == "whoami") {
    answer(command, host_.id());
  } else if (command.word == "wire") {
    answer(command, command.encrypted ? "encrypted" : "plain");
  } else if (command.word == "count") {
    answer(command, std::to_string(host_.counters().requests - 1));
  } else if (command.word == "big") {
    answer(command, repeated_alphabet(to_number(command.rest)));
  } else if (command.word == "lostfirst") {
    const auto [number, text] = split_number(command.rest);
    answer(command, host_.is_among_first(number, command.rest) ? "con_lost" : text);
  } else if (command.word == "twice") {
    answer(command, command.rest);
    answer(command, command.rest);
  } else if (command.word == "garbage") {
    answer(command, random_bytes(to_number(command.rest)));
  } else {
    return false;
  }
  return true;
}

// Commands whose answer is correct, but delayed.
Connection::Task<bool> Connection::execute_timed(const Command& command) {
  const auto [number, text] = split_number(command.rest);
  const Milliseconds pause(number);
  if (command.word == "delay" || command.word == "late") {
    co_await wait(pause);
    answer(command, text);
  } else if (command.word == "drip") {
    co_await drip(on_the_wire(command, text), pause);
  } else if (command.word == "unasked") {
    answer(command, "ok");
    send_unasked(on_the_wire(command, text), pause);
  } else if (command.word == "stall") {
    co_await wait_for_end();
  } else {
    co_return false;
  }
  co_return true;
}

// Commands after which the connection is closed.
Connection::Task<bool> Connection::execute_broken(const Command& command) {
  if (command.word == "exit") {
    answer(command, "bye");
  } else if (command.word == "cutafter") {
    const auto [number, text] = split_number(command.rest);
    out_ += on_the_wire(command, text).substr(0, number);
  } else if (command.word == "cutfirst") {
    const auto [number, text] = split_number(command.rest);
    if (!host_.is_among_first(number, command.rest)) {
      answer(command, text);
      co_return true;
    }
  } else if (command.word != "cut") {
    co_return false;
  }
  co_await flush();
  end();
}

Connection::Task<> Connection::pong() {
  ++host_.counters().pongs;
  const Fault fault = host_.fault();
  if (fault == Fault::silent_pong) co_await wait_for_end();
  if (fault == Fault::close_pong) end();
  const std::string id = fault == Fault::wrong_id ? "another-host" : host_.id();
  const Environment& environment = host_.environment();
  if (environment.callback_dir.empty()) {
    co_await say(id + ":" + environment.client_id);
  } else {
    co_await flush();
    co_await say(id + ":" + co_await ask_own_lonc(environment.callback_dir + "/" + environment.client_id));
  }
}

Connection::Task<> Connection::exchange_key() {
  const Fault fault = host_.fault();
  if (fault == Fault::silent_ekey) co_await wait_for_end();
  if (fault == Fault::close_ekey) end();
  const std::string build_key = fault == Fault::garbage_ekey ? random_bytes(25) : random_build_key();
  cipher_.emplace(core::derive_session_key(host_.id(), host_.environment().client_id, build_key));
  co_await say(build_key);
}

// --- bytes in

Connection::Task<std::string_view> Connection::read_line() {
  in_.erase(0, std::exchange(taken_, 0));
  std::size_t scanned = 0;
  while (true) {
    const auto newline = in_.find('\n', scanned);
    if (newline != std::string::npos) {
      taken_ = newline + 1;
      co_return std::string_view(in_).substr(0, newline);
    }
    co_await flush();
    scanned = in_.size();
    in_.resize(scanned + read_size);
    const auto [error, size] =
        co_await socket_.async_read_some(asio::buffer(in_.data() + scanned, read_size), as_result);
    in_.resize(scanned + size);
    if (error) end();
  }
}

// Reads and discards input until the other side closes. Never returns.
Connection::Task<> Connection::wait_for_end() {
  co_await flush();
  while (true) {
    in_.resize(read_size);
    const auto [error, size] = co_await socket_.async_read_some(asio::buffer(in_), as_result);
    if (error) end();
  }
}

Connection::Task<> Connection::wait(Milliseconds duration) {
  co_await flush();
  timer_.expires_after(duration);
  co_await timer_.async_wait(as_result);
  if (closed_) end();
}

// --- bytes out

std::string Connection::on_the_wire(const Command& command, std::string_view text) {
  std::string line(text);
  if (command.encrypted) cipher_->encrypt(text, line);
  return line + "\n";
}

// Answers are collected while further requests have already arrived.
void Connection::answer(const Command& command, std::string_view text) { out_ += on_the_wire(command, text); }

Connection::Task<> Connection::flush() {
  if (out_.empty()) co_return;
  const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(out_), as_result);
  if (error) end();
  out_.clear();
}

Connection::Task<> Connection::say(std::string_view line) {
  if (host_.fault() == Fault::drip) {
    co_await drip(std::string(line) + "\n", handshake_drip);
  } else {
    out_.append(line) += '\n';
    co_await flush();
  }
}

Connection::Task<> Connection::drip(std::string bytes, Milliseconds pause) {
  for (const char byte : bytes) {
    co_await wait(pause);
    out_ += byte;
  }
  co_await flush();
}

void Connection::send_unasked(std::string line, Milliseconds after) {
  auto later = [](std::shared_ptr<Connection> self, std::string text, Milliseconds pause) -> Task<> {
    asio::steady_timer timer(self->socket_.get_executor(), pause);
    co_await timer.async_wait(as_result);
    boost::system::error_code ignored;
    if (!self->closed_) asio::write(self->socket_, asio::buffer(text), ignored);
  };
  asio::co_spawn(socket_.get_executor(), later(shared_from_this(), std::move(line), after), rethrow);
}

}  // namespace lonc::standin
