#include <lonc/app/run_loop.hpp>

#include <lonc/core/text.hpp>

#include <atomic>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace lonc::app {

bool run_loop(boost::asio::io_context& io, unsigned threads, const std::function<void(const std::string&)>& failed) {
  std::atomic<bool> has_failed = false;
  const auto fail = [&](const std::string& what) {
    if (!has_failed.exchange(true)) failed(core::escape_outside_text(what));
    io.stop();
  };
  const auto loop = [&] {
    try {
      io.run();
    } catch (const std::exception& error) {
      fail(error.what());
    } catch (...) {
      fail("unknown exception");
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (unsigned thread = 1; thread < threads; ++thread) others.emplace_back(loop);
    } catch (const std::system_error& error) {
      fail(error.what());
    }
    loop();
  }
  return !has_failed;
}

}  // namespace lonc::app
