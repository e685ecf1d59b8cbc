// Which delayed messages wait for whom: of each host the names of their files, the oldest first. A million names take
// about 50 MB.
#pragma once

#include <lonc/core/delayed_name.hpp>

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
  // When the file of a name was last changed, in nanoseconds since 1970. Nothing if that can not be found out now.
  using ChangedAt = std::function<std::optional<std::uint64_t>(const std::string& name)>;

  // Names of other hosts are passed over, and forgotten.
  void set_hosts(const std::vector<std::string>& ids);

  // Forgets all names; add() each that the directory holds, then sort(). Nothing may be taken before that.
  void clear();
  void sort();
  // The host whose message it is; null if it is nobody's. A name that is known already is no second one.
  const std::string* add(std::string_view name);

  // The oldest name of the host, taken out. Which of those of one second is the oldest is known by `changed_at` alone;
  // nothing is taken if that does not know.
  std::optional<DelayedName> take_first(std::string_view host_id, const ChangedAt& changed_at);
  void put_back(std::string_view host_id, const DelayedName& name);
  // It is gone from the directory.
  void forget(std::string_view name);

  std::size_t count(std::string_view host_id) const;
  std::size_t total() const { return total_; }
  // The time stamp of the host's oldest name.
  std::optional<std::uint64_t> oldest(std::string_view host_id) const;
  std::vector<std::string> hosts_with_messages() const;
  // Whose message a name is; null if nobody's.
  const std::string* host_of(std::string_view name) const;

  // Seen since clear(): messages for hosts that are not known, files that are no messages.
  std::size_t foreign() const { return foreign_; }
  std::size_t strange() const { return strange_; }

 private:
  // A name in few bytes.
  struct Entry {
    std::uint64_t timestamp = 0;
    std::uint32_t at = 0;  // in `texts`
    std::uint32_t size = 0;
  };
  struct Queue {
    std::deque<Entry> names;  // in the order of time stamp and name, but for
    std::size_t in_order = 0;  // so many at the front: of one second, and in the order in which they are to be taken
    std::string texts;  // of all names that were added since it was empty or cleared

    std::string_view text(const Entry& entry) const { return std::string_view(texts).substr(entry.at, entry.size); }
    bool is_older(const Entry& a, const Entry& b) const;
    Entry make(const DelayedName& name);
    std::deque<Entry>::iterator find_place(const DelayedName& name);
    bool put_in_order(const ChangedAt& changed_at);
  };
  using Queues = std::map<std::string, Queue, std::less<>>;

  std::optional<OwnedDelayedName> parse(std::string_view name) const;
  void insert(Queue& queue, const DelayedName& name);

  std::set<std::string, std::less<>> hosts_;
  Queues queues_;  // none is empty
  bool is_sorted_ = true;
  std::size_t total_ = 0;
  std::size_t foreign_ = 0;
  std::size_t strange_ = 0;
};

}  // namespace lonc::core
