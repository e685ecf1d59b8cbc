#include "sim/run.hpp"

#include "sim/client.hpp"
#include "sim/judge.hpp"
#include "sim/kernel.hpp"
#include "sim/node.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

namespace lonc::sim {

namespace {

constexpr Time to_settle = 200s;  // all faults are over: a back-off ends within a minute
constexpr Time quiet_time = 300s;
constexpr Time night_start = 2h;  // what the day has begun is over
constexpr int wake_ups_in_a_minute = 6;  // for each peer, if all of them are away

class Run {
 public:
  Run(const Script& script, const std::string& directory)
      : script_(script), node_(script.peers, script.seed, judge_, directory, script.is_long) {}

  void all() {
    World& world = World::get();
    for (const Entry& entry : script_.entries) world.at(entry.at, [this, &entry] { act(entry); });
    if (script_.is_long) live_days();
    node_.run_until(script_.end);
    world.trace("script", "is over: everything is well from here on");
    node_.heal();
    node_.run_until(world.now() + to_settle);
    check_settled();
    node_.dismiss_clients();
    check_quiet();
    ask_again();
    world.count("seconds", static_cast<std::uint64_t>(world.now() / 1s));
  }

 private:
  void live_days();
  static std::string draw_line(Draw& draw, std::uint64_t number);
  Client::Plan draw_plan(Draw& draw);
  void act(const Entry& entry);
  void peer_state(Peer& peer, Draw& draw);
  void peer_act(Peer& peer, Draw& draw);
  void operate(int peer, Draw& draw);
  void disk(Draw& draw);
  void check_settled();
  void check_quiet();
  void ask_again();

  const Script& script_;
  Judge judge_;
  Node node_;
  std::uint64_t clients_ = 0;
  std::uint64_t lines_ = 0;
};

// Every night is silent, and then what is settled is forgotten.
void Run::live_days() {
  World& world = World::get();
  for (Time day{0}; day < script_.end; day += 24h) {
    node_.run_until(day + night_start);
    const std::uint64_t before = kernel::wake_ups();
    node_.run_until(day + night_end);
    const std::uint64_t wake_ups = kernel::wake_ups() - before;
    world.count("night_wake_ups", wake_ups);
    const auto most = static_cast<std::uint64_t>((night_end - night_start) / 1min) *
                      static_cast<std::uint64_t>(wake_ups_in_a_minute * script_.peers);
    if (wake_ups > most) world.violate("not quiet", std::to_string(wake_ups) + " times awake in a night");
    node_.forget_settled();
  }
}

// Of every length; a longer one is different from all others.
std::string Run::draw_line(Draw& draw, std::uint64_t number) {
  static constexpr std::array<const char*, 6> commands{"get", "keys", "put", "du", "home", "encrypt:auth"};
  if (draw.percent(2)) return "ping";
  if (draw.percent(1)) return "exit";
  if (draw.percent(1)) return "close_connection_exit";
  std::string line = std::string(draw.of(commands)) + ":" + std::to_string(number) + ":";
  std::size_t size = draw.below(71);
  if (draw.percent(2)) size = draw.size(1000, 300'000);
  if (draw.percent(1) && draw.percent(30)) size = draw.size(1'000'000, 3'000'000);
  if (size < line.size() && draw.percent(60)) size = line.size();
  line.resize(size, 'a');
  return line;
}

Client::Plan Run::draw_plan(Draw& draw) {
  Client::Plan plan;
  const std::size_t lines = draw.percent(50) ? 1 : draw.percent(10) ? 40 : draw.size(2, 8);
  for (std::size_t line = 0; line != lines; ++line) plan.lines.push_back(draw_line(draw, ++lines_));
  constexpr std::array styles{Client::Style::one_by_one, Client::Style::one_by_one, Client::Style::all_at_once,
                              Client::Style::byte_by_byte, Client::Style::pieces};
  plan.style = draw.of(styles);
  plan.think = draw.percent(60) ? Time::zero() : Time(std::chrono::milliseconds{draw.below(3000)});
  if (draw.percent(10)) plan.leaves_at = std::chrono::milliseconds{draw.below(2000)};
  plan.half_closes = draw.percent(10);
  plan.stays = draw.percent(20);
  plan.is_slow = draw.percent(5);
  return plan;
}

void Run::act(const Entry& entry) {
  Draw draw(entry.draw);
  World::get().trace("script", describe(entry));
  Peer& peer = *node_.peers()[static_cast<std::size_t>(entry.peer)];
  switch (entry.kind) {
    case Entry::Kind::client:
      // Some come in crowds.
      for (std::size_t count = draw.percent(15) ? draw.size(5, 25) : 1; count != 0; --count)
        node_.add(std::make_shared<Client>(++clients_, entry.peer, draw_plan(draw), node_.client_world()));
      return;
    case Entry::Kind::answer_fault:
      return peer.fault(static_cast<Peer::AnswerFault>(draw.below(12)),
                        std::chrono::milliseconds{draw.percent(30) ? draw.below(30) : draw.below(5000)});
    case Entry::Kind::peer_state:
      return peer_state(peer, draw);
    case Entry::Kind::peer_act:
      return peer_act(peer, draw);
    case Entry::Kind::operate:
      return operate(entry.peer, draw);
    case Entry::Kind::disk:
      return disk(draw);
    case Entry::Kind::message:
      for (std::size_t count = draw.percent(30) ? draw.size(5, 50) : 1; count != 0; --count)
        node_.leave_message(entry.peer, "put:delayed", draw.percent(10) ? draw.below(8) : SIZE_MAX);
      return;
  }
}

void Run::peer_state(Peer& peer, Draw& draw) {
  const auto state = static_cast<Peer::State>(draw.below(10));
  if (script_.is_long)
    return peer.enter(state, std::chrono::minutes{draw.percent(80) ? draw.size(1, 180) : draw.size(180, 4320)});
  peer.enter(state, std::chrono::milliseconds{draw.below(draw.percent(30) ? 20'000 : 3000)});
}

void Run::peer_act(Peer& peer, Draw& draw) {
  switch (draw.below(5)) {
    case 0:
      return peer.close_all(false);
    case 1:
      return peer.close_all(true);
    case 2:
      if (script_.is_long) return peer.restart(std::chrono::seconds{draw.size(1, 600)});
      return peer.restart(std::chrono::milliseconds{draw.below(5000)});
    case 3:
      return peer.speak_unasked({});
    default:
      return peer.speak_unasked(draw.percent(50) ? "\n" : half_line);
  }
}

void Run::operate(int peer, Draw& draw) {
  World& world = World::get();
  switch (draw.below(10)) {
    case 0:
    case 1:
      world.count("usr1");
      return node_.reconnect(peer);
    case 2:
      world.count("pauses");
      node_.pause(peer, std::chrono::milliseconds{draw.below(2000)});
      return world.after(std::chrono::milliseconds{draw.below(6000)}, [this, peer] { node_.resume(peer); });
    case 3:
    case 4:
    case 5:
      world.count("applies");
      return node_.apply(peer, Draw(draw.next()));
    case 6:
    case 7:
      return node_.restart(std::chrono::milliseconds{draw.below(3000)});
    case 8:
      return node_.retry_delayed();
    default:
      return node_.kill(std::chrono::milliseconds{draw.below(3000)});
  }
}

void Run::disk(Draw& draw) {
  constexpr std::array errors{EIO, ENOSPC};
  switch (draw.below(3)) {
    case 0:
      return node_.break_disk(draw.of(errors), std::chrono::milliseconds{draw.below(8000)});
    case 1:
      return node_.slow_disk(std::chrono::milliseconds{draw.below(2000)}, std::chrono::milliseconds{draw.below(8000)});
    default:
      return node_.kill_at_step(draw.size(1, 60), std::chrono::milliseconds{draw.below(3000)});
  }
}

void Run::check_settled() {
  World& world = World::get();
  node_.look_into_quarantine();
  judge_.check_delayed();
  if (node_.messages_left() != 0)
    world.violate("messages left", std::to_string(node_.messages_left()) + " files, " +
                                       std::to_string(judge_.undelivered()) + " of them undelivered");
}

// With nothing to do, lonc hardly wakes.
void Run::check_quiet() {
  World& world = World::get();
  const std::uint64_t before = kernel::wake_ups();
  node_.run_until(world.now() + quiet_time);
  const std::uint64_t wake_ups = kernel::wake_ups() - before;
  world.count("quiet_wake_ups", wake_ups);
  const auto most = static_cast<std::uint64_t>(30 * script_.peers + 100);
  if (wake_ups > most) world.violate("not quiet", std::to_string(wake_ups) + " times awake in five minutes");
}

// Every peer is asked once more: it must answer itself.
void Run::ask_again() {
  World& world = World::get();
  std::vector<std::shared_ptr<Client>> last;
  for (int peer = 0; peer != script_.peers; ++peer) {
    last.push_back(std::make_shared<Client>(
        ++clients_, peer, Client::Plan{.lines = {"get:the:last:" + std::to_string(peer)}}, node_.client_world()));
    node_.add(last.back());
  }
  node_.run_until(world.now() + 30s);
  for (std::size_t peer = 0; peer != last.size(); ++peer) {
    if (last[peer]->right_answers() == 0)
      world.violate("not back", Judge::id_of(static_cast<int>(peer)) + " is well, but lonc does not reach it");
  }
}

}  // namespace

void run_script(const Script& script, const std::string& directory, const Mode& mode) {
  World::get().is_tracing = mode.is_tracing;
  Run(script, directory).all();
}

}  // namespace lonc::sim
