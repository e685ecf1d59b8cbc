// A ClientSession on one end of a socket pair.
#pragma once

#include "net/client/client_session.hpp"
#include "net/net_support.hpp"

#include <boost/asio/post.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace lonc::test {

using core::ClientId;
using net::ClientLimit;
using net::ClientSession;
using net::SocketWatch;
using namespace std::chrono_literals;

using Strings = std::vector<std::string>;

struct ClientFixture : ClientSession::Handler, SocketWatch::Handler {
  explicit ClientFixture(ClientSession::Limits limits = {100, 10s}) {
    auto [ours, theirs] = socket_pair();
    wire.emplace(std::move(theirs));
    session = std::make_shared<ClientSession>(shared, ClientId{7}, std::move(ours), share.admit(), limits);
    boost::asio::post(strand, [held = session] { held->start(); });
  }
  ~ClientFixture() override {
    session->close();
    watch->close();
    run_ready(io);
  }
  void client_line(ClientId, std::string_view line) override {
    if (line == "throw") throw std::runtime_error("thrown by the handler");
    lines.emplace_back(line);
    if (answer) session->reply(*answer);
  }
  void client_line_too_long(ClientId) override { session->reply("error:line too long"); }
  void client_line_refused(ClientId) override { session->reply("con_lost"); }
  void client_answered(ClientId) override { ++answered; }
  void client_gone(ClientId, bool was_waiting) override {
    is_gone = true;
    left_waiting = was_waiting;
  }
  void client_failed(std::exception_ptr with) override { failure = with; }
  void socket_ready(std::uint64_t, SocketWatch::News news) override { session->ready(news); }
  void reply(const std::string& text) {
    boost::asio::post(strand, [this, text] { session->reply(text); });
  }

  boost::asio::io_context io;
  net::Strand strand = boost::asio::make_strand(io);
  std::shared_ptr<net::Turn> turn = std::make_shared<net::Turn>(strand);
  std::shared_ptr<SocketWatch> watch = std::make_shared<SocketWatch>(strand, *this);
  std::uint32_t events = 1;
  core::TimePoint time = std::chrono::steady_clock::now();
  const ClientSession::Shared shared{strand, *turn, *watch, *this, events, time};
  ClientLimit clients{10};
  ClientLimit::Share share{clients};
  std::optional<Wire> wire;
  std::shared_ptr<ClientSession> session;
  std::optional<std::string> answer;
  std::vector<std::string> lines;
  int answered = 0;
  bool is_gone = false;
  bool left_waiting = false;
  std::exception_ptr failure;
};

}  // namespace lonc::test
