#include "net/net_support.hpp"
#include "support/catch.hpp"

#include <lonc/app/status_board.hpp>

#include <string>
#include <vector>

using lonc::app::HistorySample;
using lonc::app::ParentReport;
using lonc::app::StatusBoard;
using lonc::app::StatusHistory;
using lonc::core::PeerState;
using lonc::net::PeerReport;
using namespace std::chrono_literals;

namespace {

PeerReport peer(PeerState state, std::uint64_t requests) {
  PeerReport report;
  report.status.state = state;
  report.status.counters.requests = requests;
  report.status.counters.replies = 2;
  report.status.counters.con_lost = 3;
  report.status.counters.errors = 4;
  report.status.counters.timeouts = 5;
  report.status.delayed_waiting = 6;
  return report;
}

// A board whose peers answer when the test says so.
struct BoardFixture {
  void ask(const std::string& name) {
    board.ask([this, name](const StatusBoard::Shared& snapshot) { got.push_back(name + seen_in(snapshot)); });
  }
  static std::string seen_in(const StatusBoard::Shared& snapshot) {
    return " " + std::to_string(snapshot->peers.front().status.counters.requests);
  }
  // The peers answer, and what follows from it is done.
  void answer() {
    auto done = std::exchange(peers_done, nullptr);
    REQUIRE(done);
    done({peer(PeerState::up, gathered)});
    lonc::test::run_ready(io);
  }

  boost::asio::io_context io;
  std::uint64_t gathered = 0;  // how often the peers were asked
  std::function<void(std::vector<PeerReport>)> peers_done;
  StatusBoard board{boost::asio::make_strand(io),
                    {.parent = [] { return ParentReport{}; },
                     .peers =
                         [this](auto done) {
                           ++gathered;
                           peers_done = std::move(done);
                         }}};
  std::vector<std::string> got;
};

}  // namespace

TEST_CASE("a sample of the history sums up all peers") {
  const auto now = std::chrono::system_clock::now();
  const HistorySample sample =
      lonc::app::sample_of({peer(PeerState::up, 1), peer(PeerState::away, 10), peer(PeerState::paused, 100)}, now);
  CHECK(sample.at == now);
  CHECK(sample.up == 1);
  CHECK(sample.down == 2);
  CHECK(sample.requests == 111);
  CHECK(sample.replies == 6);
  CHECK(sample.con_lost == 9);
  CHECK(sample.errors == 12);
  CHECK(sample.timeouts == 15);
  CHECK(sample.delayed_waiting == 18);
}

TEST_CASE("the history keeps the last forty samples") {
  StatusHistory history;
  for (std::size_t i = 0; i != 45; ++i) {
    HistorySample sample;
    sample.up = i;
    history.add(sample);
  }
  REQUIRE(history.samples().size() == 40);
  CHECK(history.samples().front().up == 5);
  CHECK(history.samples().back().up == 44);
}

TEST_CASE_METHOD(BoardFixture, "who asks while the peers are being asked gets what is gathered after that") {
  ask("a");
  lonc::test::run_ready(io);
  ask("b");
  ask("c");
  lonc::test::run_ready(io);
  CHECK(gathered == 1);
  answer();
  CHECK(got == std::vector<std::string>{"a 1"});
  CHECK(lonc::test::run_until(io, [&] { return gathered == 2; }));
  answer();
  CHECK(got == std::vector<std::string>{"a 1", "b 2", "c 2"});
}

TEST_CASE_METHOD(BoardFixture, "after an answer that took long the peers are left alone for a while") {
  ask("a");
  lonc::test::run_ready(io);
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < 20ms) lonc::test::run_ready(io);
  answer();
  ask("b");
  const auto asked = std::chrono::steady_clock::now();
  CHECK(lonc::test::run_until(io, [&] { return gathered == 2; }));
  CHECK(std::chrono::steady_clock::now() - asked >= 50ms);
  answer();
  CHECK(got == std::vector<std::string>{"a 1", "b 2"});
}

TEST_CASE_METHOD(BoardFixture, "only a sample goes into the history, and into what was gathered for it") {
  std::vector<std::size_t> samples;
  board.ask([&](const StatusBoard::Shared& snapshot) { samples.push_back(snapshot->parent.history.size()); });
  lonc::test::run_ready(io);
  answer();
  CHECK(lonc::test::run_until(io, [&] {
    if (samples.size() == 1 && !peers_done)
      board.sample([&](const StatusBoard::Shared& snapshot) { samples.push_back(snapshot->parent.history.size()); });
    io.poll();
    return peers_done != nullptr;
  }));
  answer();
  CHECK(samples == std::vector<std::size_t>{0, 1});
}
