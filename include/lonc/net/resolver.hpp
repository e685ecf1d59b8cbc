// Name look-ups on threads of their own, since getaddrinfo blocks for as long as it likes. Remembers nothing:
// timeouts and the last good addresses are the business of PeerAddress.
#pragma once

#include <lonc/net/executor.hpp>

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
    std::vector<boost::asio::ip::address> addresses;  // each of one machine; not empty without an error
  };
  // Blocks. Called on several threads at once.
  using Lookup = std::function<Answer(const std::string& name)>;
  using Handler = std::function<void(Answer)>;

  // A running look-up. After its end the handler is not posted any more, and what it holds has been released;
  // one that was posted already still comes.
  class Request {
   public:
    Request() = default;
    Request(Request&&) noexcept = default;
    Request& operator=(Request&& other) noexcept;
    ~Request() { cancel(); }
    void cancel();

   private:
    friend class Resolver;
    explicit Request(std::shared_ptr<Job> job) : job_(std::move(job)) {}
    std::shared_ptr<Job> job_;
  };

  // Threads are made as they are needed and leave when idle. The system's look-up if `lookup` is empty.
  explicit Resolver(std::size_t most_threads = 64, Lookup lookup = {});
  // Does not wait for look-ups that are running, and drops those that have not begun.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The answer is posted to `strand`.
  [[nodiscard]] Request lookup(std::string name, const Strand& strand, Handler handler);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace lonc::net
