// Which delayed messages wait for which host: for each host the names of their files, oldest first. A million names
// take about 50 MB.
#pragma once

#include <lonc/core/spool/delayed_message.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

class SpoolIndex {
 public:
  // When the file of a name was last changed, in nanoseconds since 1970. Nothing if that cannot be determined now.
  using ChangedAt = std::function<std::optional<std::uint64_t>(const std::string& name)>;

  // Names of other hosts are ignored, and are removed if they are present.
  void set_hosts(const std::vector<std::string>& ids);

  // Removes all names. Then call add() for each name in the directory, then sort(). Nothing may be taken before that.
  void clear();
  void sort();
  // Returns the host whose message it is; null if it belongs to no host. A name that is already known is not added
  // again.
  const std::string* add(std::string_view name);

  // Removes and returns the oldest name of the host. Only `changed_at` can say which of several names of the same
  // second is the oldest; nothing is taken if it cannot.
  std::optional<DelayedName> take_first(std::string_view host_id, const ChangedAt& changed_at);
  void put_back(std::string_view host_id, const DelayedName& name);
  // The name is gone from the directory.
  void forget(std::string_view name);

  std::size_t count(std::string_view host_id) const;
  std::size_t total() const { return total_; }
  // The time stamp of the host's oldest name.
  std::optional<std::uint64_t> oldest(std::string_view host_id) const;
  std::vector<std::string> hosts_with_messages() const;
  // The host that a name belongs to; null if none.
  const std::string* host_of(std::string_view name) const;

  // Counted since clear(): messages for unknown hosts, and files that are not messages.
  std::size_t foreign() const { return foreign_; }
  std::size_t strange() const { return strange_; }

 private:
  // A name in a few bytes.
  struct Entry {
    std::uint64_t timestamp = 0;
    std::uint32_t at = 0;  // offset in `texts`
    std::uint32_t size = 0;
  };
  struct Queue {
    std::deque<Entry> names;  // ordered by time stamp and name, except for the first `in_order`
    std::size_t in_order = 0;  // number of names at the front that are of one second and in the order of delivery
    std::string texts;  // of all names that were added since it was last empty or cleared

    std::string_view text(const Entry& entry) const { return std::string_view(texts).substr(entry.at, entry.size); }
    bool is_older(const Entry& a, const Entry& b) const;
    std::deque<Entry>::iterator find_place(const DelayedName& name);
    bool put_in_order(const ChangedAt& changed_at);
  };
  using Queues = std::map<std::string, Queue, std::less<>>;

  std::optional<OwnedDelayedName> parse(std::string_view name) const;
  void insert(Queue& queue, const DelayedName& name);

  std::set<std::string, std::less<>> hosts_;
  Queues queues_;  // no queue is empty
  bool is_sorted_ = true;
  std::size_t total_ = 0;
  std::size_t foreign_ = 0;
  std::size_t strange_ = 0;
};

}  // namespace lonc::core
