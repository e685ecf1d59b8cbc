#include "net/net_support.hpp"
#include "support/catch.hpp"

#include <lonc/net/spool/spooler.hpp>

#include <boost/asio/strand.hpp>

#include <algorithm>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using lonc::core::DelayedBatch;
using lonc::net::SpoolAccess;
using lonc::net::Spooler;
using lonc::net::SpoolerOptions;
using namespace lonc::test;

namespace {

// The session's side, which only records what is reported to it.
struct Peer {
  Peer(Spooler& spooler, boost::asio::io_context& io, const std::string& id)
      : handle(spooler.subscribe(id, boost::asio::make_strand(io),
                                 {.waiting = [this](std::size_t count) { waiting.push_back(count); },
                                  .batch = [this](DelayedBatch batch) { batches.push_back(std::move(batch)); },
                                  .withdraw = [this] { ++withdrawals, handle.give_back(false); },
                                  .retry = [this] { ++retries; }})) {}

  std::vector<std::size_t> waiting;
  std::vector<DelayedBatch> batches;
  int withdrawals = 0;
  int retries = 0;
  Spooler::Handle handle;
};

struct SpoolerFixture {
  SpoolerFixture() { std::filesystem::create_directory(directory / "delayed"); }
  ~SpoolerFixture() {
    peers.clear();
    if (spooler) spooler->close();
    spooler.reset();
    run_ready(io);
  }

  void start(const std::vector<std::string>& hosts) {
    spooler = std::make_unique<Spooler>(io, options, log);
    spooler->set_hosts(hosts);
    for (const std::string& host : hosts) peers.push_back(std::make_unique<Peer>(*spooler, io, host));
    spooler->start();
  }
  // Appears complete, as loncctl files it.
  void leave(const std::string& name, const std::string& content) const {
    write_file(directory / ("." + name), content);
    std::filesystem::rename(directory / ("." + name), at(name));
  }
  std::string at(const std::string& name) const { return directory / ("delayed/" + name); }
  template <typename Condition>
  bool until(Condition condition) {
    return run_until(io, condition);
  }
  // The next batch that the peer receives.
  DelayedBatch next(Peer& peer) {
    const std::size_t before = peer.batches.size();
    REQUIRE(until([&] { return peer.batches.size() > before; }));
    return peer.batches.back();
  }
  DelayedBatch fetch(Peer& peer) {
    peer.handle.fetch();
    return next(peer);
  }

  TempDir directory;
  KeptLog log;
  boost::asio::io_context io;
  SpoolerOptions options{.directory = directory / "delayed",
                         .permanent_log = directory / "lonnet.perm.log",
                         .delayed = {.spool = {.min_age = lonc::core::Duration::zero(), .batch = 2}}};
  std::unique_ptr<Spooler> spooler;
  std::vector<std::unique_ptr<Peer>> peers;
};

// Blocks the spool's thread.
class ThreadHold {
 public:
  explicit ThreadHold(Spooler& spooler) {
    spooler.inspect([state = state_](const SpoolAccess*) {
      state->is_held.set_value();
      state->is_let_go.get_future().wait();
    });
    REQUIRE(state_->is_held.get_future().wait_for(10s) == std::future_status::ready);
  }
  ~ThreadHold() { end(); }
  ThreadHold(const ThreadHold&) = delete;
  ThreadHold& operator=(const ThreadHold&) = delete;
  void end() {
    if (state_) std::exchange(state_, nullptr)->is_let_go.set_value();
  }

 private:
  struct State {
    std::promise<void> is_let_go;
    std::promise<void> is_held;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace

TEST_CASE("Spooler reports waiting messages, hands them out in order, logs and deletes them") {
  SpoolerFixture f;
  f.leave("3.1.7.put.msul1", "put:c\n");
  f.leave("1.1.7.put.msul1", "put:a\n");
  f.leave("2.1.7.put.msul1", "put:b\n");
  f.start({"msul1", "msul2"});
  Peer& peer = *f.peers[0];
  REQUIRE(f.until([&] { return !peer.waiting.empty() && peer.waiting.back() == 3; }));
  CHECK(f.peers[1]->waiting.empty());

  DelayedBatch batch = f.fetch(peer);
  REQUIRE(batch.messages.size() == 2);
  CHECK(batch.messages[0].line == "put:a");
  CHECK(batch.messages[1].line == "put:b");
  CHECK(batch.waiting == 3);
  peer.handle.answered("S:msul1:put:a", false);
  CHECK(f.next(peer).waiting == 2);
  peer.handle.answered("S:msul1:put:b", true);
  batch = f.next(peer);
  REQUIRE(batch.messages.size() == 1);
  CHECK(batch.messages[0].line == "put:c");
  CHECK_FALSE(std::filesystem::exists(f.at("1.1.7.put.msul1")));
  CHECK_FALSE(std::filesystem::exists(f.at("2.1.7.put.msul1")));
  const std::string permanent = read_file(f.directory / "lonnet.perm.log");
  CHECK(permanent.find(":S:msul1:put:a:") < permanent.find(":S:msul1:put:b:"));
}

TEST_CASE("Spooler detects new messages, renamed or written in place") {
  SpoolerFixture f;
  f.start({"msul1"});
  Peer& peer = *f.peers[0];
  REQUIRE(f.until([&] { return f.spooler->report().is_open; }));
  f.leave("1.1.7.put.msul1", "put:a\n");
  CHECK(f.until([&] { return !peer.waiting.empty() && peer.waiting.back() == 1; }));
  write_file(f.at("2.1.7.put.msul1"), "put:b\n");
  CHECK(f.until([&] { return peer.waiting.back() == 2; }));
}

TEST_CASE("Spooler finds a message that inotify did not report with a rescan") {
  SpoolerFixture f;
  f.options.delayed.rescan = 1s;
  f.start({"msul1"});
  REQUIRE(f.until([&] { return f.spooler->report().is_open; }));
  // A hard link creates a name without an event that is watched.
  write_file(f.directory / "elsewhere", "put:a\n");
  std::filesystem::create_hard_link(f.directory / "elsewhere", f.at("1.1.7.put.msul1"));
  CHECK(f.until([&] { return !f.peers[0]->waiting.empty(); }));
}

TEST_CASE("Spooler rescans when requested, even if other upkeep is due") {
  SpoolerFixture f;
  f.options.delayed.rescan = 1h;
  for (const char* const name : {"1.1.7.put.msul1", "2.1.7.put.msul1"}) f.leave(name, "put:a\n");
  f.start({"msul1", "msul2"});
  REQUIRE(f.until([&] { return f.spooler->report().waiting == 2; }));
  REQUIRE(f.fetch(*f.peers[0]).messages.size() == 2);
  f.peers[0]->handle.answered("S:msul1:put:a", false);
  ThreadHold hold(*f.spooler);
  run_ready(f.io);
  // The commit of the answered message is due a second later, and waits for the thread.
  const auto due = std::chrono::steady_clock::now() + 1s;
  REQUIRE(f.until([&] { return std::chrono::steady_clock::now() > due; }));
  run_ready(f.io);
  write_file(f.directory / "elsewhere", "put:b\n");
  std::filesystem::create_hard_link(f.directory / "elsewhere", f.at("1.1.7.put.msul2"));
  f.spooler->retry({});
  run_ready(f.io);
  hold.end();
  CHECK(f.until([&] { return !f.peers[1]->waiting.empty(); }));
}

TEST_CASE("Spooler creates and watches the directory again after it was removed") {
  SpoolerFixture f;
  f.options.delayed.rescan = 1s;
  f.start({"msul1"});
  REQUIRE(f.until([&] { return f.spooler->report().is_open; }));
  std::filesystem::remove_all(f.directory / "delayed");
  CHECK(f.until([&] { return std::filesystem::exists(f.directory / "delayed"); }));
  f.leave("1.1.7.put.msul1", "put:a\n");
  CHECK(f.until([&] { return !f.peers[0]->waiting.empty() && f.peers[0]->waiting.back() == 1; }));
}

TEST_CASE("Spooler: however many sessions fetch at once, each gets its messages, one batch after the other") {
  SpoolerFixture f;
  std::vector<std::string> hosts;
  for (int i = 0; i != 150; ++i) hosts.push_back("h" + std::to_string(i));
  for (const std::string& host : hosts) {
    for (const char* const name : {"1.1.7.put.", "2.1.7.put.", "3.1.7.put."}) f.leave(name + host, "put:a\n");
  }
  f.start(hosts);
  REQUIRE(f.until([&] { return f.spooler->report().waiting == 450; }));
  {
    const ThreadHold hold(*f.spooler);
    for (const auto& peer : f.peers) peer->handle.fetch();
  }
  const auto have = [&](std::size_t batches) {
    return std::ranges::all_of(f.peers, [&](const auto& peer) { return peer->batches.size() == batches; });
  };
  REQUIRE(f.until([&] { return have(1); }));
  for (const auto& peer : f.peers) {
    CHECK(peer->batches.back().messages.size() == 2);
    peer->handle.answered("S:put:a", false);
    peer->handle.answered("S:put:a", true);
  }
  REQUIRE(f.until([&] { return have(3); }));
  for (const auto& peer : f.peers) CHECK(peer->batches.back().messages.size() == 1);
}

TEST_CASE("Spooler: messages handed out to a session are returned when it ends") {
  SpoolerFixture f;
  f.leave("1.1.7.put.msul1", "put:a\n");
  f.start({"msul1"});
  REQUIRE(f.until([&] { return f.spooler->report().waiting == 1; }));
  REQUIRE(f.fetch(*f.peers[0]).messages.size() == 1);

  Peer successor(*f.spooler, f.io, "msul1");
  const DelayedBatch nothing = f.fetch(successor);
  CHECK(nothing.messages.empty());
  CHECK(nothing.retry_after > 0s);
  f.peers.clear();
  CHECK(f.fetch(successor).messages.size() == 1);
}

TEST_CASE("Spooler: a second process waits for the first, and names the message that was in flight") {
  SpoolerFixture f;
  f.leave("1.1.7.put.msul1", "put:a\n");
  f.start({"msul1"});
  REQUIRE(f.until([&] { return f.spooler->report().waiting == 1; }));
  REQUIRE(f.fetch(*f.peers[0]).messages.size() == 1);
  f.peers[0]->handle.give_back(true);

  Spooler second(f.io, f.options, f.log);
  second.set_hosts({"msul1"});
  second.start();
  REQUIRE(f.until([&] { return f.spooler->report().waiting == 1; }));
  CHECK_FALSE(second.report().is_open);
  REQUIRE(f.until([&] { return second.report().is_locked; }));
  CHECK(second.report().remedy().starts_with("another lonc or loncctl is working in the directory"));
  f.spooler->close();
  CHECK(f.until([&] { return second.report().is_open; }));
  CHECK(second.report().remedy().empty());
  CHECK(second.report().doubtful == std::vector<std::string>{"1.1.7.put.msul1"});
  CHECK(f.log.has("msul1 [Delayed messages]: Delayed message 1.1.7.put.msul1 may have two S: lines"));
  second.close();
}

TEST_CASE("Spooler: a possible duplicate is named by each later process until the log has written it") {
  SpoolerFixture f;
  f.leave("1.1.7.put.msul1", "put:a\n");
  f.start({"msul1"});
  REQUIRE(f.until([&] { return f.spooler->report().waiting == 1; }));
  REQUIRE(f.fetch(*f.peers[0]).messages.size() == 1);
  f.peers[0]->handle.give_back(true);
  f.log.hangs = true;
  std::vector<std::size_t> named;
  for (int process = 0; process != 3; ++process) {
    f.peers.clear();
    f.spooler->close();
    f.start({"msul1"});
    REQUIRE(f.until([&] { return f.spooler->report().is_open; }));
    named.push_back(f.spooler->report().doubtful_count);
    if (process == 1) f.log.hangs = false;
    if (process == 2) break;
    if (f.fetch(*f.peers[0]).messages.empty()) continue;
    f.peers[0]->handle.answered("S:msul1:put:a", true);
    f.next(*f.peers[0]);
  }
  CHECK(named == std::vector<std::size_t>{1, 1, 0});
}

TEST_CASE("Spooler: an administrator's work starts when the sessions have returned their messages") {
  SpoolerFixture f;
  f.leave("1.1.7.put.msul1", "put:a\n");
  f.start({"msul1", "msul2"});
  REQUIRE(f.until([&] { return f.spooler->report().waiting == 1; }));
  REQUIRE(f.fetch(*f.peers[0]).messages.size() == 1);
  bool was_free = false;
  std::atomic<bool> is_done = false;
  f.spooler->administer({"msul1"}, [&](const SpoolAccess* access) {
    was_free = access != nullptr && !access->spool.is_handed_out("1.1.7.put.msul1");
    if (was_free) access->disk.set_aside("1.1.7.put.msul1", "held");
    if (was_free) access->spool.forget("1.1.7.put.msul1");
    is_done = true;
  });
  CHECK(f.until([&] { return is_done.load(); }));
  CHECK(was_free);
  CHECK(f.peers[0]->withdrawals == 1);
  CHECK(f.peers[1]->withdrawals == 0);
  CHECK(f.until([&] { return f.spooler->report().quarantined == 1; }));
  CHECK(f.fetch(*f.peers[0]).messages.empty());
}

TEST_CASE("Spooler: inspecting the directory takes no message from a session") {
  SpoolerFixture f;
  f.leave("1.1.7.put.msul1", "put:a\n");
  f.start({"msul1"});
  REQUIRE(f.until([&] { return f.spooler->report().waiting == 1; }));
  REQUIRE(f.fetch(*f.peers[0]).messages.size() == 1);
  bool was_handed_out = false;
  std::atomic<bool> is_done = false;
  f.spooler->inspect([&](const SpoolAccess* access) {
    was_handed_out = access != nullptr && access->spool.is_handed_out("1.1.7.put.msul1");
    is_done = true;
  });
  CHECK(f.until([&] { return is_done.load(); }));
  CHECK(was_handed_out);
  CHECK(f.peers[0]->withdrawals == 0);
}

TEST_CASE("Spooler: a directory that cannot be opened is reported, with the time since when, until it can be opened") {
  SpoolerFixture f;
  f.options.directory = f.directory / "missing/delayed";
  f.start({"msul1"});
  CHECK(f.until([&] { return !f.spooler->report().trouble.empty(); }));
  CHECK(f.spooler->report().trouble_since.time_since_epoch() > 0s);
  CHECK(f.spooler->report().remedy().starts_with("create the directory that holds lonSockDir/delayed; "));
  CHECK(f.log.has("Delayed messages are not sent: "));
  CHECK(f.fetch(*f.peers[0]).is_held_up);
  std::filesystem::create_directory(f.directory / "missing");
  f.spooler->retry({});
  CHECK(f.until([&] { return f.spooler->report().is_open; }));
  CHECK(f.spooler->report().trouble.empty());
  CHECK(f.spooler->report().remedy().empty());
}

TEST_CASE("Spooler: before the start there is no remedy; a permanent log that cannot be written has its own") {
  SpoolerFixture f;
  f.options.permanent_log = f.directory / "missing/lonnet.perm.log";
  f.leave("1.1.7.put.msul1", "put:a\n");
  {
    const Spooler unstarted(f.io, f.options, f.log);
    CHECK_FALSE(unstarted.report().is_open);
    CHECK(unstarted.report().remedy().empty());
  }
  f.start({"msul1"});
  REQUIRE(f.until([&] { return f.spooler->report().waiting == 1; }));
  CHECK(f.fetch(*f.peers[0]).is_held_up);
  REQUIRE(f.until([&] { return !f.spooler->report().trouble.empty(); }));
  CHECK(f.spooler->report().remedy().starts_with("create the directory that holds lonnet.perm.log; "));
  std::filesystem::create_directory(f.directory / "missing");
  f.spooler->retry({});
  CHECK(f.until([&] { return f.spooler->report().trouble.empty(); }));
  CHECK(f.fetch(*f.peers[0]).messages.size() == 1);
}

TEST_CASE("Spooler does not use the loop of a session that has ended") {
  SpoolerFixture f;
  f.start({"msul1"});
  std::optional<ThreadHold> hold;
  {
    boost::asio::io_context other;
    Peer peer(*f.spooler, other, "msul1");
    // The thread's work for this peer is done after the loop is gone.
    hold.emplace(*f.spooler);
    peer.handle.fetch();
  }
  hold->end();
  f.leave("1.1.7.put.msul1", "put:a\n");
  REQUIRE(f.until([&] { return !f.peers.front()->waiting.empty(); }));
  CHECK(f.fetch(*f.peers.front()).messages.size() == 1);
}
