#include "daemon/status/snapshot.hpp"
#include "daemon/status_support.hpp"
#include "net/net_support.hpp"
#include "support/catch.hpp"

#include <boost/asio/thread_pool.hpp>

#include <future>
#include <stdexcept>
#include <string>
#include <vector>

using lonc::core::PeerState;
using lonc::daemon::HistorySample;
using lonc::daemon::RenderedCache;
using lonc::daemon::Snapshot;
using lonc::daemon::StatusBoard;
using lonc::daemon::StatusHistory;
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

// A board whose peers answer when the test calls answer().
struct BoardFixture {
  void ask(const std::string& name) {
    board.ask([this, name](const StatusBoard::Shared& snapshot) { got.push_back(name + seen_in(snapshot)); });
  }
  static std::string seen_in(const StatusBoard::Shared& snapshot) {
    return " " + std::to_string(snapshot->peers.front().status.counters.requests);
  }
  // The peers answer, and the loop runs until nothing is ready.
  void answer() {
    auto done = std::exchange(source.waiting, nullptr);
    REQUIRE(done);
    done({peer(PeerState::up, static_cast<std::uint64_t>(source.asked))});
    lonc::test::run_ready(io);
  }

  boost::asio::io_context io;
  lonc::test::FakeStatusSource source;
  StatusBoard board{boost::asio::make_strand(io), source};
  std::vector<std::string> got;

  BoardFixture() { source.is_slow = true; }
};

}  // namespace

TEST_CASE("a sample of the history sums up all peers") {
  const auto now = std::chrono::system_clock::now();
  const HistorySample sample =
      lonc::daemon::sample_of({peer(PeerState::up, 1), peer(PeerState::away, 10), peer(PeerState::paused, 100)}, now);
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

TEST_CASE_METHOD(BoardFixture, "requests made during a query of the peers get the result of the next query") {
  ask("a");
  lonc::test::run_ready(io);
  ask("b");
  ask("c");
  lonc::test::run_ready(io);
  CHECK(source.asked == 1);
  answer();
  CHECK(got == std::vector<std::string>{"a 1"});
  CHECK(lonc::test::run_until(io, [&] { return source.asked == 2; }));
  answer();
  CHECK(got == std::vector<std::string>{"a 1", "b 2", "c 2"});
}

TEST_CASE_METHOD(BoardFixture, "after a slow answer the peers are not queried for a while") {
  ask("a");
  lonc::test::run_ready(io);
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < 20ms) lonc::test::run_ready(io);
  answer();
  ask("b");
  const auto asked = std::chrono::steady_clock::now();
  CHECK(lonc::test::run_until(io, [&] { return source.asked == 2; }));
  CHECK(std::chrono::steady_clock::now() - asked >= 50ms);
  answer();
  CHECK(got == std::vector<std::string>{"a 1", "b 2"});
}

TEST_CASE_METHOD(BoardFixture, "only a sample is added to the history, and to the snapshot taken for it") {
  std::vector<std::size_t> samples;
  board.ask([&](const StatusBoard::Shared& snapshot) { samples.push_back(snapshot->daemon.history.size()); });
  lonc::test::run_ready(io);
  answer();
  CHECK(lonc::test::run_until(io, [&] {
    if (samples.size() == 1 && !source.waiting)
      board.sample([&](const StatusBoard::Shared& snapshot) { samples.push_back(snapshot->daemon.history.size()); });
    io.poll();
    return source.waiting != nullptr;
  }));
  answer();
  CHECK(samples == std::vector<std::size_t>{0, 1});
}

namespace {

// Texts that begin with their number; the test chooses their length.
struct TextFixture {
  std::string make(const Snapshot&) {
    if (may_go_on.valid()) may_go_on.wait();
    if (fails) throw std::runtime_error("no memory");
    return std::to_string(++made) + std::string(size, '.');
  }
  void get() {
    text.get([this](RenderedCache::Text got) { texts.push_back(std::move(got)); });
  }
  bool until_texts(std::size_t number) {
    return lonc::test::run_until(io, [&] { return texts.size() >= number; });
  }
  std::string beginning(std::size_t index) { return texts.at(index)->substr(0, 1); }

  boost::asio::io_context io;
  boost::asio::strand<boost::asio::io_context::executor_type> strand{boost::asio::make_strand(io)};
  lonc::test::FakeStatusSource source;
  StatusBoard board{strand, source};
  boost::asio::thread_pool pool{1};
  std::future<void> may_go_on;  // if valid, rendering waits for it
  int made = 0;
  bool fails = false;
  std::size_t size = 10;
  std::vector<RenderedCache::Text> texts;
  RenderedCache text{strand, board, pool, [this](const Snapshot& snapshot) { return make(snapshot); }, 100};
};

}  // namespace

TEST_CASE_METHOD(TextFixture, "requests made while a text is being rendered share the next one") {
  std::promise<void> go_on;
  may_go_on = go_on.get_future();
  get();
  io.poll();
  get();
  get();
  io.poll();
  go_on.set_value();
  REQUIRE(until_texts(3));
  CHECK(made == 2);
  CHECK(texts[0] != texts[1]);
  CHECK(texts[1] == texts[2]);
}

TEST_CASE_METHOD(TextFixture, "while readers hold too much memory, the latest text is returned again") {
  size = 60;
  get();
  REQUIRE(until_texts(1));
  get();
  REQUIRE(until_texts(2));
  CHECK(beginning(1) == "2");
  get();
  REQUIRE(until_texts(3));
  CHECK(texts[2] == texts[1]);
  texts.clear();
  get();
  REQUIRE(until_texts(1));
  CHECK(beginning(0) == "3");
}

TEST_CASE_METHOD(TextFixture, "a text that cannot be rendered is null, the next one is normal") {
  fails = true;
  get();
  REQUIRE(until_texts(1));
  CHECK(texts[0] == nullptr);
  fails = false;
  get();
  REQUIRE(until_texts(2));
  CHECK(beginning(1) == "1");
}
