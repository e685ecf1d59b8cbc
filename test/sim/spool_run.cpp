#include "sim/spool_run.hpp"

#include "core/spool/forgetful_disk.hpp"
#include "sim/judge.hpp"
#include "sim/world.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/core/engine/effects.hpp>
#include <lonc/core/engine/peer_engine.hpp>
#include <lonc/core/spool/spool.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace lonc::sim {

namespace {

using core::test::ForgetfulDisk;

class SpoolRun {
 public:
  explicit SpoolRun(std::uint64_t seed);
  ~SpoolRun();
  SpoolRun(const SpoolRun&) = delete;
  SpoolRun& operator=(const SpoolRun&) = delete;
  void all();

 private:
  class Session;
  struct Life;

  core::TimePoint now() const { return core::TimePoint{} + 1000s + World::get().now(); }
  void leave_some();
  void live(bool is_last);
  void begin_life();
  void plan_misfortune();
  // Work of the spool's thread, which ends with the process.
  void on_spool(std::function<void(core::Spool&)> work);
  void maintain();
  void end_life();
  void log(std::string_view text);
  void flush_log();

  Draw draw_;
  const std::size_t hosts_;
  Judge judge_;
  ForgetfulDisk disk_;
  std::unique_ptr<Life> life_;
  std::set<std::string> refused_;
  std::uint64_t last_message_ = 0;
  std::uint64_t second_ = 1000;
  std::uint64_t lives_ = 0;
  bool is_cut_ = false;
  bool is_power_loss_next_ = false;
};

// One peer: its engine, and a lond that answers line by line.
class SpoolRun::Session : public core::Effects {
 public:
  Session(SpoolRun& run, int number)
      : run_(run),
        number_(number),
        draw_(run.draw_.next()),
        engine_(settings(number, run.draw_), run.draw_.next(), *this) {}

  core::PeerEngine& engine() { return engine_; }
  std::string host() const { return Judge::id_of(number_); }

  void reply(core::ClientId, std::string_view) override { is_busy_ = false; }
  void close_client(core::ClientId) override { is_busy_ = false; }
  void open_connection(core::ConnectionId id, core::AttemptClass) override {
    open_.insert(id);
    const bool fails = draw_.percent(15);
    later([this, id, fails] {
      engine_.connection_started(run_.now(), id);
      if (fails) return end(id, &core::PeerEngine::connection_closed, core::Errc::connect_timeout);
      later([this, id] {
        if (open_.contains(id)) engine_.connection_up(run_.now(), id);
      });
    });
  }
  void write_lines(core::ConnectionId id, std::string_view lines) override {
    std::vector<std::string> requests;
    for (std::size_t from = 0; from <= lines.size();) {
      const std::size_t to = std::min(lines.find('\n', from), lines.size());
      requests.emplace_back(lines.substr(from, to - from));
      from = to + 1;
    }
    later([this, id, requests = std::move(requests)] { lond(id, requests); });
  }
  void set_line_limit(core::ConnectionId, std::size_t) override {}
  std::error_code check_quiet(core::ConnectionId id) override {
    return open_.contains(id) ? std::error_code() : core::Errc::connection_closed;
  }
  void close_connection(core::ConnectionId id) override { open_.erase(id); }
  void set_deadline(core::TimePoint deadline) override {
    const std::uint64_t number = ++deadline_;
    if (deadline == core::never) return;
    World::get().at(deadline - (core::TimePoint{} + 1000s), [this, number, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired() && deadline_ == number) engine_.deadline(run_.now());
    });
  }
  void fetch_delayed() override {
    run_.on_spool([this](core::Spool& spool) { deliver(spool.hand_out({host()}).front()); });
  }
  void delayed_answered(std::string_view record, bool is_last) override {
    run_.on_spool([this, text = std::string(record), is_last](core::Spool& spool) {
      recorded(spool, spool.answered(host(), text), is_last);
    });
  }
  void set_aside_delayed(std::string_view reason, bool is_last) override {
    run_.on_spool([this, text = std::string(reason), is_last](core::Spool& spool) {
      recorded(spool, spool.set_aside(host(), text), is_last);
    });
  }
  void delayed_failed(unsigned attempts) override {
    run_.on_spool([this, attempts](core::Spool& spool) { spool.failed(host(), attempts); });
  }
  void return_delayed(bool first_was_sent) override {
    run_.on_spool([this, first_was_sent](core::Spool& spool) { spool.returned(host(), first_was_sent); });
  }
  void log(core::Severity, std::string_view message) override { run_.log(message); }
  void log_request(core::Severity, std::string_view, std::string_view message) override { run_.log(message); }
  void status_changed() override {}
  void drained() override {}

  // A live request, so that failures can be judged.
  void ask() {
    if (!std::exchange(is_busy_, true)) engine_.client_line(run_.now(), core::ClientId{++client_}, "get:live");
  }
  void report_waiting(std::size_t messages) {
    later([this, messages] { engine_.delayed_waiting(run_.now(), messages); });
  }
  bool is_well = false;  // its lond makes no mistakes

 private:
  static core::PeerSettings settings(int number, Draw& draw) {
    core::PeerSettings settings;
    settings.peer_id = Judge::id_of(number);
    settings.own_id = "us";
    settings.request_timeout = 2s;
    settings.delayed_timeout = std::chrono::milliseconds{draw.size(500, 3000)};
    settings.delayed_max_attempts = 1'000'000;  // set aside is only what is refused
    return settings;
  }

  template <typename Action>
  void later(Action action) {
    World::get().after(std::chrono::microseconds{draw_.below(3000)},
                       [action = std::move(action), alive = std::weak_ptr<int>(alive_)] {
                         if (!alive.expired()) action();
                       });
  }
  template <typename Event>
  void end(core::ConnectionId id, Event event, std::error_code error) {
    if (open_.erase(id) > 0) (engine_.*event)(run_.now(), id, error);
  }
  void deliver(core::DelayedBatch batch) {
    later([this, batch = std::move(batch)] { engine_.delayed_batch(run_.now(), batch); });
  }
  void recorded(core::Spool& spool, std::error_code error, bool is_last) {
    if (error) {
      spool.returned(host(), false);
      return deliver({.messages = {}, .waiting = spool.waiting(host()), .retry_after = 5s, .is_held_up = true});
    }
    if (is_last) return deliver(spool.hand_out({host()}).front());
    deliver({.messages = {}, .waiting = spool.waiting(host())});
  }

  void lond(core::ConnectionId id, const std::vector<std::string>& requests) {
    if (!open_.contains(id)) return;
    std::vector<std::string> answers;
    for (const std::string& line : requests) {
      if (line == "init") {
        answers.emplace_back("4711");
      } else if (line == "4711") {
        answers.emplace_back("ok");
      } else if (line == "pong") {
        answers.push_back(host() + ":us");
      } else if (line == "ekey") {
        answers.emplace_back("81234A0ABCDEF9870BCD0045678");
      } else if (line == "ping") {
        answers.push_back(host());
      } else if (line.starts_with("put:")) {
        judge().received(number_, line, batch_);
        World::get().trace(host(), "gets " + line);
        const std::uint64_t fault = is_well ? 100 : draw_.below(100);
        if (fault < 6) return end(id, &core::PeerEngine::connection_closed, core::Errc::connection_closed);
        if (fault < 9) return;  // silent from here on
        const bool is_refused = run_.refused_.contains(line);
        answers.emplace_back(is_refused ? "refused" : fault < 12 ? "con_lost" : "ok");
      } else {
        answers.emplace_back("live");
      }
    }
    later([this, id, answers = std::move(answers)] {
      for (const std::string& answer : answers) {
        if (open_.contains(id)) engine_.line_received(run_.now(), id, answer);
      }
      if (open_.contains(id)) engine_.received_all(run_.now(), id, false);
    });
  }
  Judge& judge() { return run_.judge_; }

  SpoolRun& run_;
  const int number_;
  Draw draw_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::shared_ptr<BatchTruth> batch_ = std::make_shared<BatchTruth>();
  std::set<core::ConnectionId> open_;
  std::uint64_t deadline_ = 0;
  std::uint64_t client_ = 0;
  bool is_busy_ = false;
  core::PeerEngine engine_;
};

struct SpoolRun::Life {
  std::vector<std::string> said;  // to the log
  std::size_t written = 0;
  std::optional<core::Spool> spool;
  std::vector<std::unique_ptr<Session>> sessions;
};

SpoolRun::SpoolRun(std::uint64_t seed) : draw_(seed, 3), hosts_(draw_.size(1, 3)) {}

SpoolRun::~SpoolRun() = default;

void SpoolRun::log(std::string_view text) {
  World::get().trace("log", text);
  if (life_) life_->said.emplace_back(text);
  // Nothing waits for the lines of the engine, so they count at once.
  if (!text.starts_with("Delayed message ")) judge_.logged(std::string(text));
}

// The thread that writes the log is late.
void SpoolRun::flush_log() {
  for (; life_->written != life_->said.size(); ++life_->written) judge_.logged(life_->said[life_->written]);
}

void SpoolRun::leave_some() {
  for (std::size_t count = draw_.size(1, 25); count != 0; --count) {
    const int host = static_cast<int>(draw_.below(hosts_));
    second_ += draw_.below(2);
    const std::string number = std::to_string(++last_message_);
    const std::string name = std::to_string(second_) + "." + number + ".77.put." + Judge::id_of(host);
    const std::string line = "put:" + number;
    if (draw_.percent(10)) refused_.insert(line);
    ForgetfulDisk::File file{.content = line + "\n"};
    file.changed_at = last_message_;
    disk_.leave(name, std::move(file));
    judge_.filed(host, name, line);
    if (life_ && life_->spool) life_->spool->appeared(name);
  }
}

void SpoolRun::on_spool(std::function<void(core::Spool&)> work) {
  World::get().after(std::chrono::microseconds{draw_.below(2000)}, [this, work = std::move(work), lives = lives_] {
    if (!life_ || lives != lives_ || is_cut_) return;
    try {
      work(*life_->spool);
    } catch (const ForgetfulDisk::Cut&) {
      is_cut_ = true;
    }
  });
}

// Commits, and tries again what has failed, as the spool's thread does.
void SpoolRun::maintain() {
  on_spool([this](core::Spool& spool) {
    if (!spool.is_recovered() || !spool.trouble().text().empty()) {
      spool.recheck();
    } else if (spool.has_uncommitted()) {
      spool.commit();
    }
    for (const auto& session : life_->sessions) session->report_waiting(spool.waiting(session->host()));
  });
  World::get().after(1s, [this, lives = lives_] {
    if (!life_ || lives != lives_) return;
    if (draw_.percent(70)) flush_log();
    for (const auto& session : life_->sessions) session->ask();
    maintain();
  });
}

void SpoolRun::begin_life() {
  ++lives_;
  is_cut_ = false;
  life_ = std::make_unique<Life>();
  life_->spool.emplace(
      disk_, core::SpoolOptions{.line_limit = 1000, .batch = draw_.size(1, 8)},
      [this](core::Severity, std::string_view, std::string_view text) { log(text); },
      core::SpoolLogProgress{[this] { return life_->said.size(); }, [this] { return life_->written; }});
  std::vector<std::string> ids;
  for (std::size_t host = 0; host != hosts_; ++host) {
    life_->sessions.push_back(std::make_unique<Session>(*this, static_cast<int>(host)));
    ids.push_back(life_->sessions.back()->host());
  }
  life_->spool->set_hosts(ids);
  on_spool([](core::Spool& spool) {
    if (!spool.recover()) spool.scan();
  });
  for (const auto& session : life_->sessions) session->engine().start(now());
  maintain();
}

// A sync that fails just before the end can be told by nobody, so a life has either of the two.
void SpoolRun::plan_misfortune() {
  World& world = World::get();
  if (draw_.percent(75)) {
    disk_.cut_before(disk_.operations() + draw_.size(1, 150));
    is_power_loss_next_ = draw_.percent(60);
  } else {
    disk_.fail(disk_.operations() + draw_.size(1, 100), draw_.size(1, 6));
    world.count("disk_errors");
  }
}

void SpoolRun::end_life() {
  World& world = World::get();
  if (is_power_loss_next_) {
    world.count("power_losses");
    world.trace("disk", "loses power");
    disk_.power_loss(static_cast<ForgetfulDisk::Survival>(draw_.below(3)), static_cast<unsigned>(draw_.next()));
  } else {
    world.count("kills");
    world.trace("lonc", "is killed");
    disk_.kill();
  }
  life_->sessions.clear();
  life_.reset();
}

void SpoolRun::live(bool is_last) {
  World& world = World::get();
  begin_life();
  if (!is_last) plan_misfortune();
  for (const auto& session : life_->sessions) session->is_well = is_last;
  const Time end = world.now() + (is_last ? 300s : std::chrono::milliseconds{draw_.size(1000, 20'000)});
  if (!is_last && draw_.percent(50)) world.after(2s, [this] { leave_some(); });
  while (world.next_event() <= end && !is_cut_) {
    world.advance(std::max(world.now(), world.next_event()));
    world.run_one();
  }
  if (is_cut_) return end_life();
  // Failures are over before the end of their life.
  disk_.heal();
  const Time healed = world.now() + 30s;
  while (world.next_event() <= healed && !is_cut_) {
    world.advance(std::max(world.now(), world.next_event()));
    world.run_one();
  }
  if (is_cut_) return end_life();
  flush_log();
  if (is_last) return;
  is_power_loss_next_ = draw_.percent(50);
  end_life();
}

void SpoolRun::all() {
  World& world = World::get();
  leave_some();
  for (std::size_t lives = draw_.size(1, 6); lives != 0; --lives) live(false);
  live(true);
  for (const auto& [name, reason] : disk_.quarantine()) judge_.set_aside(name);
  judge_.check_delayed();
  if (!disk_.names().empty()) world.violate("messages left", disk_.names().front());
  world.count("seconds", static_cast<std::uint64_t>(world.now() / 1s));
  life_->sessions.clear();
}

}  // namespace

void run_spool(std::uint64_t seed, bool is_tracing) {
  World::get().is_tracing = is_tracing;
  SpoolRun(seed).all();
}

}  // namespace lonc::sim
