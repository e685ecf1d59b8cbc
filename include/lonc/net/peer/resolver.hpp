// Name lookups on threads of their own, since getaddrinfo() may block for any length of time. Remembers nothing:
// timeouts and the last good addresses are handled by PeerAddress.
#pragma once

#include <lonc/net/socket/executor.hpp>

#include <boost/asio/ip/address.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace lonc::net {

// All members may be called from any thread.
class Resolver {
 private:
  struct State;
  struct Job;

 public:
  struct Answer {
    std::error_code error;
    std::vector<boost::asio::ip::address> addresses;  // each that of a single machine; not empty without an error
  };
  // Blocks. Called on several threads concurrently.
  using Lookup = std::function<Answer(const std::string& name)>;
  using Handler = std::function<void(Answer)>;
  // `low` lookups wait behind all others and get at most half of the threads: otherwise names that did not answer last
  // time would take all of them.
  enum class Priority : unsigned char { high, low };

  // A running lookup. After the destruction of its last copy the handler is no longer posted and what it holds has
  // been released; a handler that was already posted still runs.
  using Request = std::shared_ptr<void>;

  // A name that does not answer occupies its thread for as long as the system waits, 10 s and more, and nothing can end
  // that: so there may be as many threads as names that hang at once. Threads are created as needed and end when idle.
  // An empty `lookup` means the system's lookup.
  explicit Resolver(std::size_t most_threads = 1024, Lookup lookup = {});
  // Does not wait for running lookups, and drops those that have not begun.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The answer is posted to `strand`.
  [[nodiscard]] Request lookup(std::string name, const Strand& strand, Handler handler,
                               Priority priority = Priority::high);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace lonc::net
