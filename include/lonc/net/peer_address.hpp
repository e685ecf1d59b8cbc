// Where a peer is to be found: its numeric address, or its name looked up anew for each attempt, with the last good
// addresses to fall back on. Used on the session's strand only.
#pragma once

#include <lonc/core/types.hpp>
#include <lonc/net/async_event.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/resolver.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace lonc::net {

class PeerAddress : public std::enable_shared_from_this<PeerAddress> {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // A non-empty `address` is numeric and the name is never looked up. Throws std::system_error if it is not numeric.
  PeerAddress(Resolver& resolver, Strand strand, std::string name, const std::string& address, std::uint16_t port);

  // One attempt's wait for the addresses. `wake` is notified when it is done and must outlive the query.
  class Query {
   public:
    Query(std::shared_ptr<PeerAddress> owner, core::Duration timeout, AsyncEvent& wake);
    ~Query();
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    bool is_done() const { return done_; }
    // Once done: in the order in which they are to be tried, which rotates from query to query. Empty if the name
    // is not known and never was.
    std::vector<Endpoint> endpoints() const;

   private:
    friend class PeerAddress;
    void finish();

    std::shared_ptr<PeerAddress> owner_;
    AsyncEvent& wake_;
    std::shared_ptr<Timer> timeout_;
    bool done_ = false;
    std::size_t first_;
  };

 private:
  void look_up();
  void answered(Resolver::Answer answer);

  Resolver& resolver_;
  Strand strand_;
  std::string name_;
  std::uint16_t port_;
  bool is_numeric_;
  std::vector<boost::asio::ip::address> last_good_;
  Resolver::Request request_;  // at most one runs, however many attempts wait for it
  bool is_asking_ = false;
  std::vector<Query*> waiting_;
  std::size_t next_first_ = 0;
};

}  // namespace lonc::net
