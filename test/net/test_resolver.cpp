#include "net/net_support.hpp"
#include "net/peer/peer_address.hpp"
#include "support/catch.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/net/peer/resolver.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

using lonc::net::AsyncEvent;
using lonc::net::PeerAddress;
using lonc::net::Resolver;
using lonc::test::run_ready;
using lonc::test::run_until;
using namespace std::chrono_literals;

namespace {

// A name server that answers slow names only once it is opened. Shared with lookups that outlive the test's resolver.
class NameServer {
 public:
  Resolver::Answer look_up(const std::string& name) {
    std::unique_lock lock(mutex_);
    ++asked_;
    asked_more_.notify_all();
    if (name.starts_with("slow")) opened_.wait(lock, [this] { return is_open_; });
    if (name.starts_with("none")) return {lonc::core::Errc::name_not_found, {}};
    return {{}, {boost::asio::ip::make_address("192.0.2.1"), boost::asio::ip::make_address("192.0.2.2")}};
  }
  void open(bool is_open = true) {
    const std::lock_guard lock(mutex_);
    is_open_ = is_open;
    opened_.notify_all();
  }
  int asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  void wait_asked(int count) {
    std::unique_lock lock(mutex_);
    if (!asked_more_.wait_for(lock, 10s, [&] { return asked_ >= count; })) throw std::runtime_error("not asked");
  }

 private:
  std::mutex mutex_;
  std::condition_variable asked_more_;
  std::condition_variable opened_;
  bool is_open_ = false;
  int asked_ = 0;
};

struct Fixture {
  std::shared_ptr<NameServer> server = std::make_shared<NameServer>();
  boost::asio::io_context io;
  lonc::net::Strand strand = boost::asio::make_strand(io);
  std::optional<Resolver> resolver{std::in_place, 4u,
                                   [server = server](const std::string& name) { return server->look_up(name); }};
  AsyncEvent wake{strand};
  ~Fixture() { server->open(); }

  std::vector<std::string> ask(const std::shared_ptr<PeerAddress>& address, lonc::core::Duration timeout = 10s) {
    const PeerAddress::Query query(address, Resolver::Priority::high, timeout, wake);
    if (!run_until(io, [&] { return query.is_done(); })) return {"not done"};
    std::vector<std::string> found;
    for (const auto& endpoint : query.endpoints())
      found.push_back(endpoint.address().to_string() + ":" + std::to_string(endpoint.port()));
    return found;
  }
  std::shared_ptr<PeerAddress> peer(const std::string& name, const std::string& address = {}) {
    return std::make_shared<PeerAddress>(*resolver, strand, name, address, std::uint16_t{5663});
  }
};

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("Resolver: a lookup that is stuck does not delay another") {
  Fixture f;
  bool slow_done = false;
  bool fast_done = false;
  const auto slow = f.resolver->lookup("slow", f.strand, [&](const Resolver::Answer&) { slow_done = true; });
  f.server->wait_asked(1);
  const auto fast = f.resolver->lookup(
      "fast", f.strand, [&](const Resolver::Answer& answer) { fast_done = answer.addresses.size() == 2; });
  REQUIRE(run_until(f.io, [&] { return fast_done; }));
  CHECK_FALSE(slow_done);
  f.server->open();
  CHECK(run_until(f.io, [&] { return slow_done; }));
}

TEST_CASE("Resolver: many lookups wait for the few threads and all are answered") {
  Fixture f;
  int answers = 0;
  std::vector<Resolver::Request> requests;
  for (int i = 0; i != 50; ++i)
    requests.push_back(f.resolver->lookup("slow", f.strand, [&](const Resolver::Answer&) { ++answers; }));
  f.server->wait_asked(4);
  f.server->open();
  CHECK(run_until(f.io, [&] { return answers == 50; }));
}

TEST_CASE("Resolver: 199 names that hang do not delay one that answers") {
  Fixture f;
  // Many more would be too many threads for ThreadSanitizer on a busy machine.
  Resolver resolver(256, [server = f.server](const std::string& name) { return server->look_up(name); });
  std::vector<Resolver::Request> requests;
  for (int i = 0; i != 199; ++i) requests.push_back(resolver.lookup("slow", f.strand, [](const Resolver::Answer&) {}));
  bool is_done = false;
  requests.push_back(resolver.lookup("fast", f.strand, [&](const Resolver::Answer&) { is_done = true; }));
  CHECK(run_until(f.io, [&] { return is_done; }));
}

TEST_CASE("Resolver: names of low priority that hang leave half of the threads to all others") {
  Fixture f;
  std::vector<Resolver::Request> requests;
  const auto ask = [&](const std::string& name, Resolver::Priority priority, int& answers) {
    requests.push_back(f.resolver->lookup(name, f.strand, [&](const Resolver::Answer&) { ++answers; }, priority));
  };
  int slow = 0;
  int fast = 0;
  for (int i = 0; i != 20; ++i) ask("slow", Resolver::Priority::low, slow);
  f.server->wait_asked(2);
  for (int i = 0; i != 20; ++i) ask("fast", Resolver::Priority::high, fast);
  CHECK(run_until(f.io, [&] { return fast == 20; }));
  CHECK(f.server->asked() == 22);
  f.server->open();
  CHECK(run_until(f.io, [&] { return slow == 20; }));
}

TEST_CASE("Resolver: a waiting lookup of low priority is overtaken") {
  Fixture f;
  Resolver resolver(1, [server = f.server](const std::string& name) { return server->look_up(name); });
  std::string order;
  std::vector<Resolver::Request> requests;
  const auto ask = [&](const std::string& name, Resolver::Priority priority, char mark) {
    requests.push_back(
        resolver.lookup(name, f.strand, [&order, mark](const Resolver::Answer&) { order.push_back(mark); }, priority));
  };
  ask("slow", Resolver::Priority::high, 'a');
  f.server->wait_asked(1);
  ask("fast", Resolver::Priority::low, 'c');
  ask("fast", Resolver::Priority::high, 'b');
  f.server->open();
  REQUIRE(run_until(f.io, [&] { return order.size() == 3; }));
  CHECK(order == "abc");
}

TEST_CASE("Resolver: the caller may be gone, and so may the resolver and the loop") {
  auto server = std::make_shared<NameServer>();
  bool was_called = false;
  {
    Resolver resolver(1, [server](const std::string& name) { return server->look_up(name); });
    {
      boost::asio::io_context io;
      const lonc::net::Strand strand = boost::asio::make_strand(io);
      const auto running = resolver.lookup("slow", strand, [&](const Resolver::Answer&) { was_called = true; });
      const auto queued = resolver.lookup("slow", strand, [&](const Resolver::Answer&) { was_called = true; });
      server->wait_asked(1);
    }
  }
  server->open();
  CHECK_FALSE(was_called);
}

TEST_CASE("PeerAddress: a numeric address is never looked up") {
  Fixture f;
  CHECK(f.ask(f.peer("slow", "127.0.0.1")) == Strings{"127.0.0.1:5663"});
  CHECK(f.ask(f.peer("", "::1")) == Strings{"::1:5663"});
  CHECK(f.server->asked() == 0);
}

TEST_CASE("PeerAddress: the name is looked up for each attempt, and the first address rotates") {
  Fixture f;
  const auto peer = f.peer("fast");
  CHECK(f.ask(peer) == Strings{"192.0.2.1:5663", "192.0.2.2:5663"});
  CHECK(f.ask(peer) == Strings{"192.0.2.2:5663", "192.0.2.1:5663"});
  CHECK(f.ask(peer) == Strings{"192.0.2.1:5663", "192.0.2.2:5663"});
  CHECK(f.server->asked() == 3);
}

TEST_CASE("PeerAddress: the address that worked last is tried first, until it fails") {
  Fixture f;
  const auto peer = f.peer("fast");
  const auto second = boost::asio::ip::make_address("192.0.2.2");
  f.ask(peer);
  peer->worked(second);
  for (int i = 0; i != 3; ++i) CHECK(f.ask(peer) == Strings{"192.0.2.2:5663", "192.0.2.1:5663"});
  peer->failed(boost::asio::ip::make_address("192.0.2.1"));
  CHECK(f.ask(peer).front() == "192.0.2.2:5663");
  peer->failed(second);
  CHECK(f.ask(peer) != f.ask(peer));
}

TEST_CASE("PeerAddress: a lookup is reported to the subscriber only if it returns addresses") {
  Fixture f;
  for (const char* name : {"fast", "none"}) {
    const auto peer = f.peer(name);
    int told = 0;
    peer->on_addresses([&] { ++told; });
    f.ask(peer);
    const bool is_known = std::string_view(name) == "fast";
    CHECK(told == (is_known ? 1 : 0));
    CHECK(peer->has(boost::asio::ip::make_address("192.0.2.1")) == is_known);
  }
}

TEST_CASE("Resolver: invalid addresses are dropped from the answer") {
  Fixture f;
  namespace ip = boost::asio::ip;
  const auto addresses = [&](std::vector<std::string> texts) {
    Resolver resolver(1, [texts](const std::string&) {
      Resolver::Answer answer;
      for (const auto& text : texts) answer.addresses.push_back(ip::make_address(text));
      return answer;
    });
    std::optional<Resolver::Answer> found;
    const auto request = resolver.lookup("name", f.strand, [&](Resolver::Answer answer) { found = std::move(answer); });
    REQUIRE(run_until(f.io, [&] { return found.has_value(); }));
    return *found;
  };
  CHECK(addresses({"0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "::ffff:0.0.0.0"}).error ==
        lonc::core::Errc::name_not_found);
  CHECK(addresses({"0.0.0.0", "127.0.0.1", "::1"}).addresses.size() == 2);
}

TEST_CASE("PeerAddress: an unknown name has no addresses") {
  Fixture f;
  CHECK(f.ask(f.peer("none")).empty());
}

TEST_CASE("PeerAddress: after the timeout the last good addresses are used") {
  Fixture f;
  const auto peer = f.peer("slow");
  CHECK(f.ask(peer, 20ms).empty());
  f.server->open();
  CHECK(f.ask(peer).size() == 2);
  CHECK(f.server->asked() == 1);  // the second attempt waited for the lookup of the first
  f.server->open(false);
  CHECK(f.ask(peer, 20ms).size() == 2);
}

TEST_CASE("PeerAddress: an attempt does not wait for a lookup of low priority that has not started") {
  Fixture f;
  std::vector<Resolver::Request> requests;
  for (int i = 0; i != 2; ++i)
    requests.push_back(f.resolver->lookup("slow", f.strand, [](const Resolver::Answer&) {}, Resolver::Priority::low));
  f.server->wait_asked(2);
  const auto peer = f.peer("fast");
  peer->look_up(Resolver::Priority::low);
  CHECK(f.ask(peer).size() == 2);
}

TEST_CASE("PeerAddress may be destroyed while its name is looked up") {
  Fixture f;
  {
    const PeerAddress::Query query(f.peer("slow"), Resolver::Priority::high, 10s, f.wake);
    f.server->wait_asked(1);
  }
  f.server->open();
  run_ready(f.io);
  CHECK_FALSE(f.wake.take());
}
