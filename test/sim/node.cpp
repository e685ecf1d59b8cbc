#include "sim/node.hpp"

#include "sim/peer_config.hpp"

#include <lonc/net/client/client_limit.hpp>
#include <lonc/net/peer/connect_gate.hpp>
#include <lonc/net/peer/resolver.hpp>
#include <lonc/net/session/log_sink.hpp>
#include <lonc/net/session/peer_session.hpp>
#include <lonc/net/spool/spooler.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

namespace lonc::sim {

namespace {

// lonc.log, whose lines are on the disk a little later. What names a delayed message counts only then.
class Log : public net::LogSink {
 public:
  explicit Log(Judge& judge) : judge_(judge) {}

  void write(core::Severity severity, const net::LogContext& context, std::string_view message) override {
    World& world = World::get();
    if (severity == core::Severity::critical) world.violate("critical", message);
    world.trace("log", std::string(context.server) + ": " + std::string(message));
    lines_.emplace_back(message);
    // Which is why the spool waits for its own lines, but nothing waits for those of the engine: they count at once.
    if (!message.starts_with("Delayed message ")) judge_.logged(lines_.back());
    world.after(5ms, [this, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) flush_one();
    });
  }
  std::uint64_t lines_given() const override { return done_ + lines_.size(); }
  std::uint64_t lines_done() const override { return done_; }

 private:
  void flush_one() {
    judge_.logged(lines_.front());
    lines_.pop_front();
    ++done_;
  }

  Judge& judge_;
  std::deque<std::string> lines_;  // not on the disk yet
  std::size_t done_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace

struct Node::Life {
  Life(const Node& node, Judge& judge)
      : log(judge),
        clients(node.most_clients_),
        spooler(io, options_in(node.directory_, node.is_long_ ? Time(10min) : Time(20s)), log) {}

  static net::SpoolerOptions options_in(const std::string& directory, Time rescan) {
    net::SpoolerOptions options{
        .directory = directory + "/delayed", .permanent_log = directory + "/lonnet.perm.log", .delayed = {}};
    options.delayed.rescan = rescan;
    return options;
  }

  Log log;
  net::Resolver resolver{1, [](const std::string&) { return net::Resolver::Answer{}; }};
  net::ConnectGate gate{4};
  net::ClientLimit clients;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work = boost::asio::make_work_guard(io);
  net::Spooler spooler;
  net::PeerServices services{log, resolver, gate, clients, spooler};
  std::vector<std::unique_ptr<net::PeerSession>> sessions;
  std::size_t undrained = 0;
};

Node::Node(int peers, std::uint64_t seed, Judge& judge, std::string directory, bool is_long)
    : judge_(judge),
      directory_(std::move(directory)),
      is_long_(is_long),
      draw_(seed, 2),
      client_world_{.judge = judge,
                    .seed = seed,
                    .path = [this](int peer) { return path_of(peer); },
                    .is_running = [this] { return life_ && !is_stopping_; },
                    .longest_wait = [this] { return longest_timeout_ + 1s; },
                    .life = [this] { return lives_; },
                    .is_crowded = [this] { return World::get().now() < crowded_until_; }} {
  std::filesystem::create_directories(directory_ + "/delayed");
  if (draw_.percent(20)) most_clients_ = draw_.size(4, 16);
  kernel::thread_latency = std::chrono::microseconds{draw_.below(3) * 400};
  for (int peer = 0; peer != peers; ++peer) {
    peers_.push_back(std::make_unique<Peer>(peer, seed, judge));
    peers_.back()->take_base_latency(
        std::chrono::microseconds{draw_.of(std::array<int, 6>{0, 100, 1000, 5000, 40'000, 150'000})});
    if (draw_.percent(15)) peers_.back()->serve_at_most(draw_.size(1, 2));
    peers_.back()->refuses_delayed = draw_.percent(10);
    configs_.push_back(draw_config(peer, draw_, path_of(peer), is_long_));
    applied_at_.push_back(-1h);
    const auto& engine = configs_.back().engine;
    longest_timeout_ = std::max(longest_timeout_, engine.request_timeout + engine.connect_wait);
  }
  kernel::begin(*this, *this);
  begin_life();
}

Node::~Node() {
  if (life_) end_life(false);
}

void Node::begin_life() {
  World::get().trace("lonc", "starts");
  starts_at_.reset();
  is_dead_ = is_stopping_ = is_kill_wanted_ = false;
  steps_to_kill_ = 0;
  ++lives_;
  life_ = std::make_unique<Life>(*this, judge_);
  std::vector<std::string> hosts;
  for (const net::PeerConfig& config : configs_) hosts.push_back(config.engine.peer_id);
  life_->spooler.set_hosts(hosts);
  life_->spooler.start();
  for (const auto& config : configs_) {
    life_->sessions.push_back(std::make_unique<net::PeerSession>(
        life_->io, config, life_->services, draw_.next(),
        [](std::exception_ptr) { World::get().violate("exception", "a session has ended"); }));
    life_->sessions.back()->start();
  }
}

// Of a life that was killed, nothing that it still does reaches anyone.
void Node::end_life(bool is_in_order) {
  is_dead_ = !is_in_order;
  ++lives_;
  life_->sessions.clear();
  life_->work.reset();
  life_->io.restart();
  life_->io.poll();
  life_.reset();
  lond_fds_.clear();
  client_fds_.clear();
}

void Node::run_until(Time end) {
  World& world = World::get();
  world.at(end, [this] {
    if (life_) life_->io.stop();
  });
  while (world.now() < end) {
    if (life_) {
      life_->io.restart();
      life_->io.run();
      if (life_ && is_kill_wanted_) {
        world.count("kills");
        world.trace("lonc", "is killed");
        starts_at_ = world.now() + kill_down_;
        end_life(false);
      } else if (is_stopping_ && life_->undrained == 0) {
        world.count("restarts");
        starts_at_ = world.now() + kill_down_;
        life_->spooler.close();
        end_life(true);
      }
      continue;
    }
    // While lonc is not running, the world goes on.
    const Time next = std::min({world.next_event(), starts_at_.value_or(end), end});
    if (next > world.now()) world.advance(next);
    while (world.has_due()) world.run_one();
    if (starts_at_ && *starts_at_ <= world.now()) begin_life();
  }
}

void Node::add(const std::shared_ptr<Client>& client) {
  clients_.push_back(client);
  clients_by_name_[client->name()] = client;
  client->start();
}

void Node::dismiss_clients() {
  for (const auto& client : std::exchange(clients_, {})) client->leave();
}

// --- administration

void Node::reconnect(int peer) {
  if (life_ && !is_stopping_) life_->sessions[static_cast<std::size_t>(peer)]->reconnect();
}

void Node::pause(int peer, Time limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  if (life_ && !is_stopping_) life_->sessions[static_cast<std::size_t>(peer)]->pause(until);
}

void Node::resume(int peer) {
  if (life_ && !is_stopping_) life_->sessions[static_cast<std::size_t>(peer)]->resume();
}

void Node::apply(int peer, Draw draw) {
  net::PeerConfig& config = configs_[static_cast<std::size_t>(peer)];
  const std::string address = config.address;
  applied_at_[static_cast<std::size_t>(peer)] = World::get().now();
  config = draw_config(peer, draw, path_of(peer), is_long_);
  config.address = draw.percent(50) ? address : address_of(peer, static_cast<int>(draw.size(1, 2)));
  if (config.address != address) World::get().count("moves");
  longest_timeout_ = std::max(longest_timeout_, config.engine.request_timeout + config.engine.connect_wait);
  if (life_ && !is_stopping_) life_->sessions[static_cast<std::size_t>(peer)]->apply(config);
}

void Node::restart(Time down) {
  if (!life_ || is_stopping_) return;
  World::get().trace("lonc", "stops");
  is_stopping_ = true;
  kill_down_ = down;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{draw_.below(3000)};
  life_->undrained = life_->sessions.size();
  for (const auto& session : life_->sessions) {
    session->drain(until, [this] {
      if (--life_->undrained == 0) life_->io.stop();
    });
  }
}

void Node::kill(Time down) {
  if (!life_) return;
  is_kill_wanted_ = true;
  kill_down_ = down;
  life_->io.stop();
}

void Node::kill_at_step(std::size_t steps, Time down) {
  steps_to_kill_ = steps;
  kill_down_ = down;
}

void Node::break_disk(int error, Time time) {
  disk_error_ = error;
  disk_error_until_ = World::get().now() + time;
}

void Node::slow_disk(Time each, Time time) {
  sync_time_ = each;
  slow_until_ = World::get().now() + time;
}

void Node::retry_delayed() {
  if (life_ && !is_stopping_) life_->spooler.retry({});
}

void Node::heal() {
  steps_to_kill_ = 0;
  disk_error_until_ = slow_until_ = Time::zero();
  for (const auto& peer : peers_) peer->heal();
  for (int peer = 0; peer != static_cast<int>(peers_.size()); ++peer) resume(peer);
}

// --- delayed messages

// As lonnet.pm does, in place; its writer may take its time.
void Node::leave_message(int peer, std::string command, std::size_t written_at_first) {
  World& world = World::get();
  // Those that are left at the same moment differ by nanoseconds.
  const auto wall = std::chrono::system_clock::now().time_since_epoch() + std::chrono::nanoseconds{last_message_};
  const bool is_half = written_at_first <= command.size();
  // What is finished later counts as later among those of the same second.
  std::int64_t& second = last_second_;
  second = std::max(second + (is_half ? 1 : 0),
                    std::int64_t{std::chrono::duration_cast<std::chrono::seconds>(wall).count()});
  const std::string name = std::to_string(is_half ? second++ : second) + "." + std::to_string(++last_message_) +
                           ".77.put." + Judge::id_of(peer);
  command += "-" + std::to_string(last_message_);
  judge_.filed(peer, name, command);
  world.trace("message", name);
  const std::string path = directory_ + "/delayed/" + name;
  const std::string content = command + "\n";
  const auto write = [path](const std::string& text, std::chrono::nanoseconds at) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::syscall(SYS_write, fd, text.data(), text.size());
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(at);
    const timespec time{whole.count(), (at - whole).count()};
    const timespec times[2] = {time, time};
    ::futimens(fd, times);
    kernel::close(fd);
  };
  write(is_half ? content.substr(0, written_at_first) : content, wall);
  if (!is_half) return;
  world.count("half_messages");
  world.after(1s, [write, rest = content.substr(written_at_first)] {
    write(rest, std::chrono::system_clock::now().time_since_epoch());
  });
}

std::size_t Node::messages_left() const {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/delayed"))
    count += entry.path().filename().string().starts_with('.') || entry.is_directory() ? 0U : 1U;
  return count;
}

void Node::look_into_quarantine() {
  const std::string quarantine = directory_ + "/delayed/quarantine";
  if (!std::filesystem::exists(quarantine)) return;
  for (const auto& entry : std::filesystem::directory_iterator(quarantine)) judge_.set_aside(entry.path().filename());
}

void Node::forget_settled() {
  look_into_quarantine();
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/delayed"))
    left.insert(entry.path().filename());
  judge_.forget_settled(left);
  std::erase_if(clients_, [](const auto& client) { return client->is_over(); });
  std::erase_if(clients_by_name_, [](const auto& entry) { return entry.second->is_over(); });
}

void Node::check_limits() {
  if (life_ && life_->clients.refused() > 0) crowded_until_ = World::get().now() + 10s;
  if (life_ && life_->clients.served() > most_clients_)
    World::get().violate("limit", std::to_string(life_->clients.served()) + " clients are served");
}

// --- what lonc does

Peer* Node::peer_of(int fd) {
  const auto found = lond_fds_.find(fd);
  return found == lond_fds_.end() ? nullptr : found->second;
}

int Node::connecting(int fd, int number, int place) {
  Peer& peer = *peers_[static_cast<std::size_t>(number)];
  const net::PeerConfig& config = configs_[static_cast<std::size_t>(number)];
  if (is_dead_) return ECONNREFUSED;
  // What was begun with former settings may still end.
  const bool is_settled = World::get().now() >= applied_at_[static_cast<std::size_t>(number)] + 30s;
  if (is_settled && config.address == address_of(number, place) &&
      peer.connections_to(place) >= config.engine.max_connections)
    World::get().violate("limit", Judge::id_of(number) + " has more than " +
                                      std::to_string(config.engine.max_connections) + " connections");
  lond_fds_[fd] = &peer;
  return peer.connecting(fd, place);
}

int Node::connect_error(int fd) {
  Peer* const peer = peer_of(fd);
  return peer == nullptr ? ECONNREFUSED : peer->connect_error(fd);
}

std::size_t Node::accepted_size(int fd, std::size_t size) {
  if (is_dead_) return 0;
  const bool is_lond = lond_fds_.contains(fd);
  // The socket of a client that reads always has room for a short answer, and lonc may rely on that.
  constexpr std::size_t short_answer = 64;
  if ((!is_lond && size <= short_answer) || !draw_.percent(5)) return size;
  World::get().count("short_writes");
  // A client's socket is watched for changes only, so it may not pretend to be full.
  if (is_lond && draw_.percent(20)) return 0;
  return draw_.size(1, std::min<std::size_t>(size, 20));
}

void Node::has_written(int fd, std::size_t bytes) {
  check_limits();
  if (Peer* const peer = peer_of(fd)) return peer->has_written(fd, bytes);
  if (const auto client = client_fds_.find(fd); client != client_fds_.end()) client->second->look();
}

void Node::has_read(int fd) {
  if (Peer* const peer = peer_of(fd)) return peer->has_read(fd);
  if (const auto client = client_fds_.find(fd); client != client_fds_.end()) client->second->look();
}

void Node::has_closed(int fd) {
  if (Peer* const peer = peer_of(fd)) {
    peer->has_closed(fd);
    lond_fds_.erase(fd);
  }
  if (const auto client = client_fds_.find(fd); client != client_fds_.end()) {
    client->second->look();
    client_fds_.erase(client);
  }
}

void Node::has_accepted(int fd, std::string_view name) {
  const auto client = clients_by_name_.find(std::string(name));
  if (client != clients_by_name_.end()) client_fds_[fd] = client->second;
}

int Node::error_of(std::string_view operation) {
  World& world = World::get();
  world.count("disk_steps");
  if (is_dead_) return EIO;
  if (steps_to_kill_ != 0 && --steps_to_kill_ == 0) {
    world.trace("disk", "is cut before " + std::string(operation));
    world.count("kills_at_a_step");
    is_dead_ = true;
    world.at(world.now(), [this, lives = lives_] {
      if (lives == lives_) kill(kill_down_);
    });
    return EIO;
  }
  if (world.now() >= disk_error_until_) return 0;
  world.count("disk_errors");
  // A full disk can still be emptied.
  const bool needs_room = operation == "write" || operation == "fallocate";
  return disk_error_ != ENOSPC || needs_room ? disk_error_ : 0;
}

Time Node::sync_time() { return !is_dead_ && World::get().now() < slow_until_ ? sync_time_ : Time::zero(); }

}  // namespace lonc::sim
