#include <lonc/net/client/client_limit.hpp>

#include <fcntl.h>

#include <algorithm>

namespace lonc::net {

namespace {

constexpr std::chrono::milliseconds between_requests{100};  // to close idle clients
constexpr std::chrono::seconds shortage_is_over{1};  // this long after the last one, the first idle time applies again

// What one peer may have.
std::size_t share_of(std::size_t limit) { return (limit + 1) / 2; }
// Kept free as far as closing idle clients allows.
std::size_t reserve_of(std::size_t limit) { return std::max<std::size_t>(1, limit / 16); }

bool take(std::atomic<std::size_t>& taken, std::size_t limit, std::size_t more = 1) {
  if (taken.fetch_add(more) + more <= limit) return true;
  taken.fetch_sub(more);
  return false;
}

}  // namespace

ClientLimit::Slot ClientLimit::Share::admit() {
  State& all = *part_->all;
  const std::size_t limit = all.limit;
  const std::size_t share = share_of(limit);
  const bool has_share = take(part_->served, share);
  if (has_share && take(all.served, limit)) {
    if (part_->served + reserve_of(share) >= share || has_run_short_of_all()) ask_to_close_idle();
    return {part_, Place::served};
  }
  if (has_share) part_->served.fetch_sub(1);
  ask_to_close_idle();
  return refuse(has_share ? Place::over_limit : Place::over_share);
}

bool ClientLimit::Share::has_run_short_of_all() const {
  const State& all = *part_->all;
  return all.served + reserve_of(all.limit) >= all.limit;
}

// Frees twice the reserve; otherwise each further client would be a shortage of its own.
bool ClientLimit::Share::is_short() const {
  const std::size_t limit = part_->all->limit;
  const std::size_t share = share_of(limit);
  return part_->served + 2 * reserve_of(share) > share || part_->all->served + 2 * reserve_of(limit) > limit;
}

void ClientLimit::Share::on_shortage(CloseIdle close_idle) {
  const std::lock_guard lock(part_->all->mutex);
  if (close_idle) {
    part_->all->close_idle[part_.get()] = std::move(close_idle);
  } else {
    part_->all->close_idle.erase(part_.get());
  }
}

// Asks all peers if places run short overall; otherwise only this one.
void ClientLimit::Share::ask_to_close_idle() {
  State& all = *part_->all;
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(all.mutex);
  const bool is_about_all = has_run_short_of_all();
  Shortage& shortage = is_about_all ? all.shortage : part_->shortage;
  if (now < shortage.next) return;
  if (now >= shortage.next + shortage_is_over) shortage.step = 0;
  const core::Duration idle_for = all.idle_times[shortage.step];
  shortage.next = now + between_requests;
  shortage.step = std::min(shortage.step + 1, all.idle_times.size() - 1);
  for (const auto& [part, close_idle] : all.close_idle) {
    if (is_about_all ? part->served != 0 : part == part_.get()) close_idle(idle_for);
  }
}

std::optional<ClientLimit::Slot> ClientLimit::Share::admit_without_descriptor() {
  if (!part_->all->spare.lend()) return std::nullopt;
  return refuse(Place::no_descriptor);
}

ClientLimit::Slot ClientLimit::Share::refuse(Place place) {
  part_->all->refused.fetch_add(1);
  return {part_, place};
}

bool ClientLimit::Memory::change(std::size_t bytes) {
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

ClientLimit::Slot::~Slot() {
  const auto& part = memory_.part_;
  if (!part) return;
  if (is_refused()) {
    part->all->refused.fetch_sub(1);
    if (place_ == Place::no_descriptor) part->all->spare.take_back();
  } else {
    part->served.fetch_sub(1);
    part->all->served.fetch_sub(1);
  }
}

bool SpareDescriptors::lend() {
  const std::lock_guard lock(mutex_);
  reopen();
  if (spare_.empty()) return false;
  spare_.pop_back();
  --wanted_;
  return true;
}

void SpareDescriptors::reopen() {
  while (spare_.size() < wanted_) {
    os::UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!fd) return;
    spare_.push_back(std::move(fd));
  }
}

}  // namespace lonc::net
