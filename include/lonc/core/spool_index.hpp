// Which delayed messages wait for whom: of each host the oldest names, and how many more there are. Memory stays
// bounded whatever lies on the disk; when a host's names have been used up, the directory is read again.
#pragma once

#include <lonc/core/delayed_name.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

class SpoolIndex {
 public:
  // Names of other hosts are passed over, and forgotten. `budget`: names that are held at most, over all hosts.
  void set_hosts(const std::vector<std::string>& ids, std::size_t budget = 65'536);

  // Forgets all names; add() each that the directory holds.
  void clear();
  // The host whose message it is; null if it is nobody's. A name that is known already is no second one.
  const std::string* add(std::string_view name);

  // The oldest name of the host, taken out. Nothing if there is none, or if needs_scan().
  std::optional<DelayedName> take_first(std::string_view host_id);
  void put_back(std::string_view host_id, DelayedName name);
  // It is gone from the directory.
  void forget(std::string_view name);

  // There are names of this host that are not held here.
  bool needs_scan(std::string_view host_id) const;
  std::size_t count(std::string_view host_id) const;
  std::size_t total() const { return total_; }
  const DelayedName* first(std::string_view host_id) const;
  std::vector<std::string> hosts_with_messages() const;
  // Whose message a name is; null if nobody's.
  const std::string* host_of(std::string_view name) const;

  // Seen since clear(): messages for hosts that are not known, files that are no messages.
  std::size_t foreign() const { return foreign_; }
  std::size_t strange() const { return strange_; }

 private:
  struct Queue {
    std::set<DelayedName> names;
    std::size_t beyond = 0;  // younger than all of `names`
  };

  void insert(Queue& queue, DelayedName name);

  std::map<std::string, Queue, std::less<>> queues_;
  std::size_t most_names_ = 1;  // per host
  std::size_t total_ = 0;
  std::size_t foreign_ = 0;
  std::size_t strange_ = 0;
};

}  // namespace lonc::core
