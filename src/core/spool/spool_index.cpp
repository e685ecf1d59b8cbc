#include <lonc/core/spool/spool_index.hpp>

#include <algorithm>
#include <ranges>
#include <utility>

namespace lonc::core {

bool SpoolIndex::Queue::is_older(const Entry& a, const Entry& b) const {
  return a.timestamp != b.timestamp ? a.timestamp < b.timestamp : text(a) < text(b);
}

// The position where the name is, or where it is to be inserted.
std::deque<SpoolIndex::Entry>::iterator SpoolIndex::Queue::find_place(const DelayedName& name) {
  const auto older = [this](const Entry& a, const Entry& b) { return is_older(a, b); };
  if (in_order > 0 && name.timestamp <= names.front().timestamp) {
    std::sort(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::exchange(in_order, 0)), older);
  }
  return std::lower_bound(names.begin(), names.end(), name, [this](const Entry& entry, const DelayedName& wanted) {
    return entry.timestamp != wanted.timestamp ? entry.timestamp < wanted.timestamp : text(entry) < wanted.text;
  });
}

// Orders the names of the oldest second. Usually there is only one, and no file needs to be looked at. False on
// failure.
bool SpoolIndex::Queue::put_in_order(const ChangedAt& changed_at) {
  if (in_order > 0) return true;
  const auto end = std::upper_bound(names.begin(), names.end(), names.front(),
                                    [](const Entry& a, const Entry& b) { return a.timestamp < b.timestamp; });
  const auto size = static_cast<std::size_t>(end - names.begin());
  if (size > 1) {
    std::vector<std::pair<std::uint64_t, Entry>> timed;
    timed.reserve(size);
    for (auto at = names.begin(); at != end; ++at) {
      const auto time = changed_at(std::string(text(*at)));
      if (!time) return false;
      timed.emplace_back(*time, *at);
    }
    std::ranges::sort(timed, [this](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first : is_older(a.second, b.second);
    });
    std::ranges::transform(timed, names.begin(), [](const auto& one) { return one.second; });
  }
  in_order = size;
  return true;
}

void SpoolIndex::set_hosts(const std::vector<std::string>& ids) {
  hosts_ = {ids.begin(), ids.end()};
  std::erase_if(queues_, [this](const auto& entry) { return !hosts_.contains(entry.first); });
  total_ = 0;
  for (const auto& [id, queue] : queues_) total_ += queue.names.size();
}

void SpoolIndex::clear() {
  queues_.clear();
  is_sorted_ = false;
  total_ = foreign_ = strange_ = 0;
}

// A directory listing may contain a name twice while the directory changes.
void SpoolIndex::sort() {
  is_sorted_ = true;
  total_ = 0;
  for (auto& [id, queue] : queues_) {
    const auto older = [&one = queue](const Entry& a, const Entry& b) { return one.is_older(a, b); };
    const auto same = [&](const Entry& a, const Entry& b) { return !older(a, b) && !older(b, a); };
    std::ranges::sort(queue.names, older);
    queue.names.erase(std::unique(queue.names.begin(), queue.names.end(), same), queue.names.end());
    total_ += queue.names.size();
  }
}

std::optional<OwnedDelayedName> SpoolIndex::parse(std::string_view name) const {
  return parse_delayed_name(name, [this](std::string_view id) { return hosts_.contains(id); });
}

const std::string* SpoolIndex::add(std::string_view name) {
  const auto owned = parse(name);
  if (!owned) {
    ++(is_delayed_name(name) ? foreign_ : strange_);
    return nullptr;
  }
  const std::string& host = *hosts_.find(owned->host_id);
  insert(queues_[host], owned->name);
  return &host;
}

void SpoolIndex::insert(Queue& queue, const DelayedName& name) {
  auto place = queue.names.end();
  if (is_sorted_) {
    place = queue.find_place(name);
    if (place != queue.names.end() && queue.text(*place) == name.text) return;
  }
  queue.names.insert(place, Entry{name.timestamp, static_cast<std::uint32_t>(queue.texts.size()),
                                  static_cast<std::uint32_t>(name.text.size())});
  queue.texts += name.text;
  ++total_;
}

std::optional<DelayedName> SpoolIndex::take_first(std::string_view host_id, const ChangedAt& changed_at) {
  const auto at = queues_.find(host_id);
  if (at == queues_.end() || !at->second.put_in_order(changed_at)) return std::nullopt;
  Queue& queue = at->second;
  const Entry& entry = queue.names.front();
  DelayedName name{entry.timestamp, std::string(queue.text(entry))};
  queue.names.pop_front();
  --queue.in_order;
  --total_;
  if (queue.names.empty()) queues_.erase(at);
  return name;
}

void SpoolIndex::put_back(std::string_view host_id, const DelayedName& name) {
  const auto host = hosts_.find(host_id);
  if (host != hosts_.end()) insert(queues_[*host], name);
}

void SpoolIndex::forget(std::string_view name) {
  const auto owned = parse(name);
  const auto at = owned ? queues_.find(owned->host_id) : queues_.end();
  if (at == queues_.end()) return;
  Queue& queue = at->second;
  const auto place = queue.find_place(owned->name);
  if (place == queue.names.end() || queue.text(*place) != name) return;
  queue.names.erase(place);
  --total_;
  if (queue.names.empty()) queues_.erase(at);
}

std::size_t SpoolIndex::count(std::string_view host_id) const {
  const auto at = queues_.find(host_id);
  return at == queues_.end() ? 0 : at->second.names.size();
}

std::optional<std::uint64_t> SpoolIndex::oldest(std::string_view host_id) const {
  const auto at = queues_.find(host_id);
  return at == queues_.end() ? std::nullopt : std::optional(at->second.names.front().timestamp);
}

const std::string* SpoolIndex::host_of(std::string_view name) const {
  const auto owned = parse(name);
  return owned ? &*hosts_.find(owned->host_id) : nullptr;
}

std::vector<std::string> SpoolIndex::hosts_with_messages() const {
  const auto ids = std::views::keys(queues_);
  return {ids.begin(), ids.end()};
}

}  // namespace lonc::core
