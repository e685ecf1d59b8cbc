#include "daemon/process/daemon.hpp"
#include "support/catch.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

using lonc::daemon::run_loop;

TEST_CASE("the loop ends when there is no more work") {
  for (const unsigned threads : {1U, 3U}) {
    boost::asio::io_context io;
    std::atomic<int> ran = 0;
    for (int i = 0; i < 100; ++i) boost::asio::post(io, [&] { ++ran; });
    CHECK(run_loop(io, threads, [](const std::string&) { FAIL("nothing failed"); }));
    CHECK(ran == 100);
  }
}

TEST_CASE("an exception ends the loop on all threads and is reported once, escaped") {
  for (const unsigned threads : {1U, 3U}) {
    boost::asio::io_context io;
    const auto work = boost::asio::make_work_guard(io);
    std::vector<std::string> told;
    boost::asio::post(io, [] { throw std::runtime_error("a <bug>"); });
    boost::asio::post(io, [] { throw std::runtime_error("a <bug>"); });
    CHECK_FALSE(run_loop(io, threads, [&](const std::string& what) { told.push_back(what); }));
    CHECK(told == std::vector<std::string>{"a &lt;bug&gt;"});
  }
}

TEST_CASE("an exception of any type is caught") {
  boost::asio::io_context io;
  std::string told;
  boost::asio::post(io, [] { throw 42; });
  CHECK_FALSE(run_loop(io, 1, [&](const std::string& what) { told = what; }));
  CHECK(told == "unknown exception");
}
