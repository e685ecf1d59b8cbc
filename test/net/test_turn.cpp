#include "net/net_support.hpp"
#include "net/socket/turn.hpp"
#include "support/catch.hpp"

using lonc::net::AsyncEvent;
using lonc::net::Strand;
using lonc::net::Task;
using lonc::test::run_ready;

namespace {

Task<void> count_wakes(AsyncEvent& event, int& wakes, int most) {
  while (wakes != most) {
    co_await event.wait();
    ++wakes;
  }
}

}  // namespace

TEST_CASE("AsyncEvent resumes its waiter in a later turn, never inside notify") {
  boost::asio::io_context io;
  const Strand strand = boost::asio::make_strand(io);
  AsyncEvent event(strand);
  int wakes = 0;
  lonc::test::spawn(strand, [&] { return count_wakes(event, wakes, 1); });
  run_ready(io);
  CHECK(wakes == 0);
  boost::asio::post(strand, [&] {
    event.notify();
    CHECK(wakes == 0);
  });
  run_ready(io);
  CHECK(wakes == 1);
}

TEST_CASE("AsyncEvent remembers a notification without a waiter, once") {
  boost::asio::io_context io;
  const Strand strand = boost::asio::make_strand(io);
  AsyncEvent event(strand);
  event.notify();
  event.notify();
  int wakes = 0;
  lonc::test::spawn(strand, [&] { return count_wakes(event, wakes, 2); });
  run_ready(io);
  CHECK(wakes == 1);
  boost::asio::post(strand, [&] { event.notify(); });
  run_ready(io);
  CHECK(wakes == 2);
}

TEST_CASE("AsyncEvent::take consumes the notification") {
  boost::asio::io_context io;
  AsyncEvent event(boost::asio::make_strand(io));
  CHECK_FALSE(event.take());
  event.notify();
  CHECK(event.take());
  CHECK_FALSE(event.take());
}

TEST_CASE("AsyncEvent may be notified again before its waiter has resumed") {
  boost::asio::io_context io;
  const Strand strand = boost::asio::make_strand(io);
  AsyncEvent event(strand);
  int wakes = 0;
  lonc::test::spawn(strand, [&] { return count_wakes(event, wakes, 2); });
  run_ready(io);
  boost::asio::post(strand, [&] {
    event.notify();
    event.notify();
  });
  run_ready(io);
  CHECK(wakes == 2);
}
