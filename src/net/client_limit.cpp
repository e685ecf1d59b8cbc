#include <lonc/net/client_limit.hpp>

#include <limits>
#include <utility>

namespace lonc::net {

namespace {

bool take(std::atomic<std::size_t>& taken, std::size_t limit, std::size_t more = 1) {
  if (taken.fetch_add(more) + more <= limit) return true;
  taken.fetch_sub(more);
  return false;
}

}  // namespace

ClientLimit::ClientLimit(std::size_t limit, std::size_t refused_limit) : state_(std::make_shared<State>()) {
  state_->limit = limit;
  state_->refused_limit = refused_limit;
  state_->memory_limit = std::numeric_limits<std::size_t>::max();
}

ClientLimit::Slot ClientLimit::Share::admit() {
  State& all = *part_->all;
  if (!take(part_->served, (all.limit + 1) / 2)) return refuse(Place::over_share);
  if (take(all.served, all.limit)) return {part_, Place::served};
  part_->served.fetch_sub(1);
  return refuse(Place::over_limit);
}

std::optional<ClientLimit::Slot> ClientLimit::Share::admit_without_descriptor() {
  if (!part_->all->spare.lend()) return std::nullopt;
  return refuse(Place::no_descriptor);
}

ClientLimit::Slot ClientLimit::Share::refuse(Place place) {
  part_->all->refused.fetch_add(1);
  return {part_, place};
}

ClientLimit::Slot& ClientLimit::Slot::operator=(Slot&& other) noexcept {
  if (this != &other) {
    release();
    part_ = std::move(other.part_);
    place_ = other.place_;
    held_ = std::exchange(other.held_, 0);
  }
  return *this;
}

bool ClientLimit::Slot::hold(std::size_t bytes) {
  State& all = *part_->all;
  if (bytes > held_) {
    const std::size_t more = bytes - held_;
    if (!take(part_->memory, all.memory_limit / 2, more)) return false;
    if (!take(all.memory, all.memory_limit, more)) {
      part_->memory.fetch_sub(more);
      return false;
    }
  } else {
    part_->memory.fetch_sub(held_ - bytes);
    all.memory.fetch_sub(held_ - bytes);
  }
  held_ = bytes;
  return true;
}

void ClientLimit::Slot::release() {
  if (part_) hold(0);
  const auto part = std::exchange(part_, nullptr);
  if (!part) return;
  if (is_refused()) {
    part->all->refused.fetch_sub(1);
    if (place_ == Place::no_descriptor) part->all->spare.take_back();
  } else {
    part->served.fetch_sub(1);
    part->all->served.fetch_sub(1);
  }
}

}  // namespace lonc::net
