// Local clients for whom there is no place. Each is told con_lost at once and then kept until it leaves or its time is
// over, since whoever finds its socket closed while it still writes is ended by SIGPIPE. What it says is read and
// forgotten, so that one takes no more than its descriptor.
#pragma once

#include <lonc/core/types.hpp>
#include <lonc/net/client_limit.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/unique_fd.hpp>

#include <memory>
#include <vector>

namespace lonc::net {

// Used on its strand only.
class RefusedClients : public std::enable_shared_from_this<RefusedClients> {
 public:
  RefusedClients(const Strand& strand, ClientLimit::Share share) : share_(std::move(share)), timer_(strand) {}

  void add(UniqueFd fd, ClientLimit::Slot slot);
  // The one that has waited longest is closed, to make room. False if there is none.
  bool drop_oldest();
  void close();

 private:
  struct Client {
    ClientLimit::Slot slot;  // given back when the descriptor has been closed
    UniqueFd fd;
    core::TimePoint since;
    bool has_spoken = false;  // its line has come whole

    bool listen();
  };

  void look_later();
  void look();

  ClientLimit::Share share_;
  std::vector<Client> clients_;
  Timer timer_;
  bool is_timer_set_ = false;
};

}  // namespace lonc::net
