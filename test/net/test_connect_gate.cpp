#include "net/net_support.hpp"
#include "support/catch.hpp"

#include <lonc/net/peer/connect_gate.hpp>

#include <optional>

using lonc::core::AttemptClass;
using lonc::net::ConnectGate;
using lonc::test::run_ready;

namespace {

struct Fixture {
  boost::asio::io_context io;
  lonc::net::Strand strand = boost::asio::make_strand(io);
  ConnectGate gate{2};
  std::vector<int> granted;

  std::unique_ptr<ConnectGate::Ticket> ask(int who, AttemptClass attempt = AttemptClass::favoured) {
    return gate.request(strand, attempt, [this, who] { granted.push_back(who); });
  }
};

}  // namespace

TEST_CASE("ConnectGate admits up to its limit and keeps the order of the rest") {
  Fixture f;
  auto a = f.ask(1);
  auto b = f.ask(2);
  auto c = f.ask(3);
  auto d = f.ask(4);
  CHECK((a->is_granted() && b->is_granted()));
  CHECK_FALSE((c->is_granted() || d->is_granted()));
  b.reset();
  CHECK(c->is_granted());
  CHECK(f.granted.empty());  // reported in a later turn
  run_ready(f.io);
  CHECK(f.granted == std::vector<int>{3});
  a.reset();
  c.reset();
  run_ready(f.io);
  CHECK(f.granted == std::vector<int>{3, 4});
  CHECK(f.gate.running() == 1);
  d.reset();
  CHECK(f.gate.running() == 0);
}

TEST_CASE("ConnectGate: attempts after a failure get at most half of the slots, and wait behind all others") {
  Fixture f;
  f.gate.set_limit(4);
  std::vector<std::unique_ptr<ConnectGate::Ticket>> failed;
  for (int who = 1; who <= 5; ++who) failed.push_back(f.ask(who, AttemptClass::failed_last));
  CHECK(f.gate.running() == 2);
  auto a = f.ask(10);
  auto b = f.ask(11);
  CHECK((a->is_granted() && b->is_granted()));
  auto c = f.ask(12);
  failed[0].reset();
  CHECK(c->is_granted());
  a.reset();
  b.reset();
  CHECK(failed[2]->is_granted());
  CHECK_FALSE(failed[3]->is_granted());
  f.gate.set_limit(1);
  c.reset();
  failed[1].reset();
  CHECK_FALSE(failed[3]->is_granted());
  failed[2].reset();
  CHECK(failed[3]->is_granted());  // even if there is only one slot
}

TEST_CASE("ConnectGate forgets a waiter whose ticket is destroyed") {
  Fixture f;
  auto a = f.ask(1);
  auto b = f.ask(2);
  auto c = f.ask(3);
  auto d = f.ask(4);
  c.reset();
  a.reset();
  run_ready(f.io);
  CHECK(f.granted == std::vector<int>{4});
  CHECK(d->is_granted());
}

TEST_CASE("ConnectGate applies a new limit, higher or lower") {
  Fixture f;
  auto a = f.ask(1);
  auto b = f.ask(2);
  auto c = f.ask(3);
  f.gate.set_limit(3);
  CHECK(c->is_granted());
  f.gate.set_limit(1);
  auto d = f.ask(4);
  a.reset();
  b.reset();
  CHECK_FALSE(d->is_granted());
  c.reset();
  CHECK(d->is_granted());
}

TEST_CASE("ConnectGate's tickets may outlive it") {
  boost::asio::io_context io;
  const lonc::net::Strand strand = boost::asio::make_strand(io);
  std::optional<ConnectGate> gate(std::in_place, 1u);
  auto a = gate->request(strand, AttemptClass::favoured, [] {});
  auto b = gate->request(strand, AttemptClass::favoured, [] {});
  gate.reset();
  a.reset();
  CHECK(b->is_granted());
}
