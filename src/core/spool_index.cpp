#include <lonc/core/spool_index.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

namespace {

constexpr std::size_t least_names = 16;
constexpr std::size_t most_names = 4096;

}  // namespace

void SpoolIndex::set_hosts(const std::vector<std::string>& ids, std::size_t budget) {
  std::map<std::string, Queue, std::less<>> queues;
  for (const std::string& id : ids) {
    const auto known = queues_.find(id);
    queues.emplace(id, known == queues_.end() ? Queue{} : std::move(known->second));
  }
  queues_ = std::move(queues);
  total_ = 0;
  for (const auto& [id, queue] : queues_) total_ += queue.names.size() + queue.beyond;
  most_names_ = std::clamp(budget / std::max<std::size_t>(1, ids.size()), least_names, most_names);
}

void SpoolIndex::clear() {
  for (auto& [id, queue] : queues_) queue = {};
  total_ = foreign_ = strange_ = 0;
}

const std::string* SpoolIndex::add(std::string_view name) {
  const auto owned = parse_delayed_name(name, [this](std::string_view id) { return queues_.contains(id); });
  if (!owned) {
    ++(is_delayed_name(name) ? foreign_ : strange_);
    return nullptr;
  }
  const auto at = queues_.find(owned->host_id);
  insert(at->second, owned->name);
  return &at->first;
}

void SpoolIndex::insert(Queue& queue, DelayedName name) {
  // What lies beyond is younger than all that is held, so a name younger than that may be known or not: it is counted
  // once too often at most, until the next scan.
  if (queue.beyond > 0 && (queue.names.empty() || *queue.names.rbegin() < name)) {
    ++queue.beyond;
    ++total_;
    return;
  }
  if (!queue.names.insert(std::move(name)).second) return;
  ++total_;
  if (queue.names.size() <= most_names_) return;
  queue.names.erase(std::prev(queue.names.end()));
  ++queue.beyond;
}

std::optional<DelayedName> SpoolIndex::take_first(std::string_view host_id) {
  const auto at = queues_.find(host_id);
  if (at == queues_.end() || at->second.names.empty()) return std::nullopt;
  --total_;
  return std::move(at->second.names.extract(at->second.names.begin()).value());
}

void SpoolIndex::put_back(std::string_view host_id, DelayedName name) {
  const auto at = queues_.find(host_id);
  if (at != queues_.end()) insert(at->second, std::move(name));
}

void SpoolIndex::forget(std::string_view name) {
  const auto owned = parse_delayed_name(name, [this](std::string_view id) { return queues_.contains(id); });
  if (owned) total_ -= queues_.find(owned->host_id)->second.names.erase(owned->name);
}

bool SpoolIndex::needs_scan(std::string_view host_id) const {
  const auto at = queues_.find(host_id);
  return at != queues_.end() && at->second.names.empty() && at->second.beyond > 0;
}

std::size_t SpoolIndex::count(std::string_view host_id) const {
  const auto at = queues_.find(host_id);
  return at == queues_.end() ? 0 : at->second.names.size() + at->second.beyond;
}

const DelayedName* SpoolIndex::first(std::string_view host_id) const {
  const auto at = queues_.find(host_id);
  return at == queues_.end() || at->second.names.empty() ? nullptr : &*at->second.names.begin();
}

const std::string* SpoolIndex::host_of(std::string_view name) const {
  const auto owned = parse_delayed_name(name, [this](std::string_view id) { return queues_.contains(id); });
  return owned ? &queues_.find(owned->host_id)->first : nullptr;
}

std::vector<std::string> SpoolIndex::hosts_with_messages() const {
  std::vector<std::string> ids;
  for (const auto& [id, queue] : queues_) {
    if (!queue.names.empty() || queue.beyond > 0) ids.push_back(id);
  }
  return ids;
}

}  // namespace lonc::core
