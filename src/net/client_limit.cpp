#include <lonc/net/client_limit.hpp>

#include <utility>

namespace lonc::net {

namespace {

bool take_place(std::atomic<std::size_t>& taken, std::size_t limit) {
  if (taken.fetch_add(1) < limit) return true;
  taken.fetch_sub(1);
  return false;
}

}  // namespace

ClientLimit::ClientLimit(std::size_t limit, std::size_t refused_limit) : state_(std::make_shared<State>()) {
  state_->limit = limit;
  state_->refused_limit = refused_limit;
}

ClientLimit::Slot ClientLimit::Share::admit() {
  State& all = *part_->all;
  if (!take_place(part_->served, (all.limit + 1) / 2)) return refuse(Place::over_share);
  if (take_place(all.served, all.limit)) return {part_, Place::served};
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
  }
  return *this;
}

void ClientLimit::Slot::release() {
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
