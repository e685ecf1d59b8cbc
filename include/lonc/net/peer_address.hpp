// Where a peer is to be found: its numeric address, or its name looked up anew for each attempt and when asked for,
// with the last good addresses to fall back on. Used on the session's strand only.
#pragma once

#include <lonc/core/types.hpp>
#include <lonc/net/async_event.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/resolver.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::net {

class PeerAddress : public std::enable_shared_from_this<PeerAddress> {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // A non-empty `address` is numeric and the name is never looked up. Throws std::system_error if it is not numeric.
  PeerAddress(Resolver& resolver, Strand strand, std::string name, const std::string& address, std::uint16_t port);

  bool is_name() const { return !is_numeric_; }
  // Of a name, if it is not being looked up already.
  void look_up();
  // `handler` is told, in a turn of its own, each time a look-up has brought addresses.
  void on_addresses(std::function<void()> handler) { on_addresses_ = std::move(handler); }
  // True if the latest look-up that brought addresses brought this one, too.
  bool has(const boost::asio::ip::address& address) const;

  // What came of an attempt: the address that worked last is tried first.
  void worked(const boost::asio::ip::address& address) { preferred_ = address; }
  void failed(const boost::asio::ip::address& address);

  // One attempt's wait for the addresses. `wake` is notified when it is done and must outlive the query.
  class Query {
   public:
    Query(std::shared_ptr<PeerAddress> owner, core::Duration timeout, AsyncEvent& wake);
    ~Query();
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    bool is_done() const { return done_; }
    // Once done: in the order in which they are to be tried, which rotates from query to query where none is known to
    // work. Empty if the name is not known and never was.
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
  void answered(Resolver::Answer answer);

  Resolver& resolver_;
  Strand strand_;
  std::string name_;
  std::uint16_t port_;
  bool is_numeric_;
  std::vector<boost::asio::ip::address> last_good_;
  std::optional<boost::asio::ip::address> preferred_;
  std::function<void()> on_addresses_;
  Resolver::Request request_;  // at most one runs, however many attempts wait for it
  bool is_asking_ = false;
  std::vector<Query*> waiting_;
  std::size_t next_first_ = 0;
};

}  // namespace lonc::net
