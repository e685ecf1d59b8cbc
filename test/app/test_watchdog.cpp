#include "net/net_support.hpp"
#include "support/catch.hpp"

#include <lonc/app/watchdog.hpp>

#include <boost/asio/strand.hpp>

using lonc::app::Watchdog;
using namespace std::chrono_literals;

namespace {

struct WatchdogFixture {
  boost::asio::io_context io;
  int asked = 0;
  int alive = 0;
  std::function<void()> answer;
  Watchdog watchdog{boost::asio::make_strand(io),
                    {.ask =
                         [this](auto done) {
                           ++asked;
                           answer = std::move(done);
                         },
                     .alive = [this] { ++alive; }}};
};

}  // namespace

TEST_CASE_METHOD(WatchdogFixture, "a sign of life is given when all have answered, and not before") {
  watchdog.start(2ms);
  CHECK(asked == 1);
  // A second question while the first is open would hide that nobody answers.
  io.run_for(50ms);
  CHECK(asked == 1);
  CHECK(alive == 0);
  answer();
  CHECK(alive == 1);
  lonc::test::run_until(io, [this] { return asked == 2; });
  answer();
  CHECK(alive == 2);
}

TEST_CASE_METHOD(WatchdogFixture, "without a limit, and after the end, nobody is asked") {
  watchdog.start(0us);
  CHECK(asked == 0);
  watchdog.start(2ms);
  watchdog.stop();
  io.run();
  answer();
  CHECK(asked == 1);
  CHECK(alive == 0);
}
