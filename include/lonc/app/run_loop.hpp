// Runs the event loop on several threads, and ends it when an exception comes out of it: that is a bug of the daemon
// itself, since sessions catch theirs.
#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>
#include <string>

namespace lonc::app {

// Returns when the loop has no more work or has been stopped. False after an exception: `failed` was told what() of the
// first, with outside text escaped, on the thread that met it.
bool run_loop(boost::asio::io_context& io, unsigned threads, const std::function<void(const std::string&)>& failed);

}  // namespace lonc::app
