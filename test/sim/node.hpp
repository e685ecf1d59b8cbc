// lonc in the simulated world: the real sessions, engines, connections and spool, in one life after the other.
#pragma once

#include "sim/client.hpp"
#include "sim/judge.hpp"
#include "sim/kernel.hpp"
#include "sim/peer.hpp"
#include "sim/world.hpp"

#include <lonc/net/settings.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lonc::sim {

class Node : public SocketHooks, public DiskHooks {
 public:
  // `is_long`: with settings as they are usual, for days instead of seconds.
  Node(int peers, std::uint64_t seed, Judge& judge, std::string directory, bool is_long);
  ~Node() override;

  // Lets lonc and the world live until `end`.
  void run_until(Time end);

  std::vector<std::unique_ptr<Peer>>& peers() { return peers_; }
  ClientWorld& client_world() { return client_world_; }
  void add(const std::shared_ptr<Client>& client);
  void dismiss_clients();

  // --- what an administrator, or misfortune, does
  void reconnect(int peer);
  void pause(int peer, Time limit);
  void resume(int peer);
  void apply(int peer, Draw draw);
  void restart(Time down);  // stops in order, and starts again
  void kill(Time down);     // kill -9
  void kill_at_step(std::size_t steps, Time down);  // of the disk
  void break_disk(int error, Time time);
  void slow_disk(Time each, Time time);
  void retry_delayed();
  void heal();

  void leave_message(int peer, std::string command, std::size_t written_at_first);
  std::size_t messages_left() const;
  // Counts what is in the quarantine as set aside.
  void look_into_quarantine();
  void check_limits();
  // Drops clients that have left, and in the judge what was settled before the previous call.
  void forget_settled();

  // --- what lonc does
  int connecting(int fd, int peer, int place) override;
  int connect_error(int fd) override;
  std::size_t accepted_size(int fd, std::size_t size) override;
  void has_written(int fd, std::size_t bytes) override;
  void has_read(int fd) override;
  void has_closed(int fd) override;
  void has_accepted(int fd, std::string_view name) override;
  int error_of(std::string_view operation) override;
  Time sync_time() override;

 private:
  struct Life;  // one process

  void begin_life();
  void end_life(bool is_in_order);
  std::string path_of(int peer) const { return directory_ + "/" + Judge::id_of(peer); }
  Peer* peer_of(int fd);

  Judge& judge_;
  const std::string directory_;
  const bool is_long_;
  Draw draw_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<net::PeerConfig> configs_;
  std::vector<Time> applied_at_;
  std::size_t most_clients_ = 200;
  Time longest_timeout_{};  // of all settings that were in force
  Time crowded_until_{};
  ClientWorld client_world_;
  std::unique_ptr<Life> life_;
  std::uint64_t lives_ = 0;  // counts beginnings and ends
  bool is_stopping_ = false;
  bool is_dead_ = false;  // its last steps reach nothing
  std::optional<Time> starts_at_;  // the next life
  bool is_kill_wanted_ = false;
  Time kill_down_{};
  std::size_t steps_to_kill_ = 0;

  std::map<int, Peer*> lond_fds_;
  std::map<int, std::shared_ptr<Client>> client_fds_;
  std::map<std::string, std::shared_ptr<Client>> clients_by_name_;
  std::vector<std::shared_ptr<Client>> clients_;

  int disk_error_ = 0;
  Time disk_error_until_{};
  Time sync_time_{};
  Time slow_until_{};
  std::uint64_t last_message_ = 0;
  std::int64_t last_second_ = 0;  // in the name of a message
};

}  // namespace lonc::sim
