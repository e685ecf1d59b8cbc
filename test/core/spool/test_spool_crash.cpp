// The promise of the spool, tested at every moment at which a process may die, the power or the disk fail: the
// delivery of a backlog for two hosts is cut before each of its operations, and a new process continues from there.
#include "core/spool/forgetful_disk.hpp"
#include "support/catch.hpp"

#include <lonc/core/spool/spool.hpp>

#include <algorithm>
#include <set>

namespace lonc::core::test {

namespace {

using Survival = ForgetfulDisk::Survival;

const std::vector<std::string> hosts{"msul1", "msul2"};
const std::vector<std::string> none;

// What happens to a message; determined when it is filed.
enum class Fate { sent, refused, spoilt };

struct Filed {
  std::string name;
  std::string host_id;
  std::string command;
  Fate fate = Fate::sent;
};

std::vector<Filed> file_messages(ForgetfulDisk& disk, std::size_t count) {
  std::vector<Filed> messages;
  for (std::size_t i = 0; i != count; ++i) {
    const std::string number = std::to_string(1000 + i);
    const Fate fate = i % 11 == 5 ? Fate::refused : i % 13 == 7 ? Fate::spoilt : Fate::sent;
    Filed filed{.name = {}, .host_id = hosts[(i / 3) % 2], .command = "put:" + number, .fate = fate};
    // Three of a host in the same second, of which the last has the name that sorts first.
    filed.name =
        std::to_string(1000 + i / 3) + "." + std::to_string(9 - i % 3) + ".77.put" + number + "." + filed.host_id;
    ForgetfulDisk::File file{.content = filed.command + (fate == Fate::spoilt ? "\nsecond\n" : "\n")};
    file.changed_at = i + 1;
    disk.leave(filed.name, std::move(file));
    messages.push_back(std::move(filed));
  }
  return messages;
}

struct World {
  explicit World(std::size_t count, std::size_t batch)
      : messages(file_messages(disk, count)), options{.line_limit = 1000, .batch = batch} {
    for (const Filed& filed : messages) {
      if (filed.fate == Fate::refused) refused.insert(filed.command);
    }
  }

  // One process that sends until nothing waits. False if it was cut.
  bool run();
  // The final run, without failures; then one more power loss, and what reappears is sent again.
  void finish() {
    disk.heal();
    REQUIRE(run());
    disk.power_loss();
    REQUIRE(run());
  }
  // The promises that were broken.
  std::vector<std::string> faults() const;
  std::set<std::string> doubled() const;  // arrived more than once, or with more than one S: line
  static std::string record(const Filed& filed) { return sent_record(filed.host_id, filed.command); }

  ForgetfulDisk disk;
  std::vector<Filed> messages;
  std::set<std::string> refused;
  SpoolOptions options;
  std::vector<std::pair<std::string, std::string>> arrived;  // host and line, as recorded by the peers
  std::set<std::string> named;       // in the log, as possible duplicates

 private:
  // The thread of the log is late. What it has not written when the process ends is lost.
  void write_log() {
    named.insert(said.begin() + static_cast<std::ptrdiff_t>(written), said.end());
    written = said.size();
  }
  std::vector<std::string> said;
  std::size_t written = 0;
  std::size_t looks = 0;

  using Queue = std::deque<DelayedMessage>;
  void replay(Spool& spool);
  bool hand_out(Spool& spool, std::map<std::string, Queue>& queues);
  void settle(Spool& spool, const std::string& host_id, Queue& queue);
  static void recheck(Spool& spool);
};

bool World::run() {
  said.clear();
  written = 0;
  const auto log = [this](Severity, std::string_view, std::string_view text) {
    constexpr std::string_view beginning = "Delayed message ";
    if (text.find(" may have two S: lines") == std::string_view::npos) return;
    text.remove_prefix(beginning.size());
    said.emplace_back(text.substr(0, text.find(' ')));
  };
  const auto done = [this] {
    if (++looks % 4 == 0) write_log();
    return written;
  };
  Spool spool(disk, options, log, {.given = [this] { return said.size(); }, .done = done});
  spool.set_hosts(hosts);
  try {
    replay(spool);
  } catch (const ForgetfulDisk::Cut&) {
    return false;
  }
  for (const std::string& name : spool.possible_duplicates().names()) CHECK(named.contains(name));
  return true;
}

void World::recheck(Spool& spool) {
  for (int attempt = 0; spool.recheck(); ++attempt) REQUIRE(attempt < 1000);
}

void World::replay(Spool& spool) {
  if (spool.recover() || spool.scan()) recheck(spool);
  std::map<std::string, Queue> queues;
  while (hand_out(spool, queues)) {
    // One message of each host is in flight before the first of them is answered.
    for (const auto& [host_id, queue] : queues) {
      if (queue.empty()) continue;
      disk.step();
      arrived.emplace_back(host_id, queue.front().line);
    }
    for (auto& [host_id, queue] : queues) {
      if (!queue.empty()) settle(spool, host_id, queue);
    }
    if (!spool.trouble().text().empty() &&
        std::ranges::all_of(queues, [](const auto& entry) { return entry.second.empty(); }))
      recheck(spool);
  }
  write_log();
  if (spool.commit()) recheck(spool);
  write_log();  // what the commit has logged
  if (spool.commit()) recheck(spool);
  spool.close();
}

// False at the end.
bool World::hand_out(Spool& spool, std::map<std::string, Queue>& queues) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    std::vector<std::string> idle;
    std::ranges::copy_if(hosts, std::back_inserter(idle), [&](const auto& id) { return queues[id].empty(); });
    if (idle.empty()) return true;
    bool is_waiting = false;
    auto batches = spool.hand_out(idle);
    for (std::size_t i = 0; i != idle.size(); ++i) {
      is_waiting = is_waiting || batches[i].waiting > 0 || batches[i].retry_after > Duration{};
      std::ranges::move(batches[i].messages, std::back_inserter(queues[idle[i]]));
    }
    if (std::ranges::any_of(queues, [](const auto& entry) { return !entry.second.empty(); })) return true;
    if (!is_waiting && spool.trouble().text().empty()) return false;
    recheck(spool);
  }
  FAIL("it does not end");
  return false;
}

void World::settle(Spool& spool, const std::string& host_id, Queue& queue) {
  const std::string line = queue.front().line;
  queue.pop_front();
  const std::error_code error = refused.contains(line) ? spool.set_aside(host_id, "refused")
                                                       : spool.answered(host_id, sent_record(host_id, line));
  if (!error) return;
  spool.returned(host_id, false);
  queue.clear();
}

std::vector<std::string> World::faults() const {
  std::vector<std::string> faults;
  std::map<std::string, std::size_t> arrivals;
  std::map<std::string, std::vector<std::string>> first_arrivals;
  for (const auto& [host_id, line] : arrived) {
    if (++arrivals[line] == 1) first_arrivals[host_id].push_back(line);
  }
  std::map<std::string, std::vector<std::string>> filed;
  const auto log = disk.durable_log_lines();
  const std::set<std::string> logged(log.begin(), log.end());
  for (const Filed& message : messages) {
    if (message.fate != Fate::spoilt) filed[message.host_id].push_back(message.command);
    const bool is_sent = message.fate == Fate::sent;
    if (disk.quarantine().contains(message.name) == is_sent) faults.push_back("quarantine: " + message.name);
    if (logged.contains(record(message)) != is_sent) faults.push_back("S: line: " + message.name);
  }
  for (const std::string& name : doubled()) {
    if (!named.contains(name)) faults.push_back("doubled and not named: " + name);
  }
  if (first_arrivals != filed) faults.emplace_back("the peers got something else, or in another order");
  if (!disk.names().empty() || !disk.durable_names().empty()) faults.emplace_back("a file is left");
  const ParsedJournal journal = parse_journal(disk.journal());
  if (!open_records(journal).empty() || !unwritten_names(journal).empty()) faults.emplace_back("the journal is left");
  return faults;
}

std::set<std::string> World::doubled() const {
  std::map<std::string, std::size_t> arrivals;
  std::map<std::string, std::size_t> records;
  for (const auto& [host_id, line] : arrived) ++arrivals[line];
  for (const std::string& line : disk.log_lines()) ++records[line];
  std::set<std::string> names;
  for (const Filed& message : messages) {
    if (arrivals[message.command] > 1 || records[record(message)] > 1) names.insert(message.name);
  }
  return names;
}

// The number of operations of a replay without a failure.
std::size_t operations_of(std::size_t count, std::size_t batch) {
  World world(count, batch);
  REQUIRE(world.run());
  REQUIRE(world.faults() == none);
  CHECK(world.doubled().empty());
  CHECK(world.named.empty());
  return world.disk.operations();
}

struct End {
  const char* what;
  bool is_power_loss;
  Survival survival = Survival::none;
};
constexpr End ends[] = {{"kill", false},
                        {"power loss, only what was synced is left", true, Survival::none},
                        {"power loss, all is left", true, Survival::all},
                        {"power loss, some is left", true, Survival::some}};

void end(World& world, const End& how, std::size_t seed) {
  if (how.is_power_loss) {
    world.disk.power_loss(how.survival, static_cast<unsigned>(seed));
  } else {
    world.disk.kill();
  }
}

// A kill may double the messages in flight, one for each host; a power loss also the answered ones of a batch.
std::size_t most_doubled(const End& how, std::size_t batch) { return hosts.size() + (how.is_power_loss ? batch : 0); }

std::vector<std::pair<End, std::size_t>> ends_and_failures() {
  std::vector<std::pair<End, std::size_t>> all;
  for (const End& how : ends) {
    for (const std::size_t how_many : {1U, 2U}) all.emplace_back(how, how_many);
  }
  return all;
}

std::vector<std::pair<End, End>> pairs_of_ends() {
  std::vector<std::pair<End, End>> pairs;
  for (const End& first : ends) {
    for (const End& second : ends) {
      if (first.survival != Survival::all && second.survival != Survival::all) pairs.emplace_back(first, second);
    }
  }
  return pairs;
}

}  // namespace

TEST_CASE("a replay cut before each of its operations loses nothing and names possible duplicates", "[crash]") {
  const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 32);
  const std::size_t count = 70;
  const std::size_t operations = operations_of(count, batch);
  for (std::size_t cut = 1; cut <= operations; ++cut) {
    World at_cut(count, batch);
    at_cut.disk.cut_before(cut);
    REQUIRE_FALSE(at_cut.run());
    for (const End& how : ends) {
      INFO("batch " << batch << ", " << how.what << " before operation " << cut << " of " << operations);
      World world = at_cut;
      end(world, how, cut);
      REQUIRE(world.run());
      REQUIRE(world.faults() == none);
      REQUIRE(world.doubled().size() <= most_doubled(how, batch));
      if (!how.is_power_loss) REQUIRE(world.named.size() <= hosts.size());
    }
  }
}

TEST_CASE("a replay cut twice loses nothing and names possible duplicates", "[crash]") {
  const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 3);
  const std::size_t count = 9;
  const std::size_t longest_recovery = 20;
  const std::size_t operations = operations_of(count, batch);
  for (std::size_t cut = 1; cut <= operations; ++cut) {
    World at_cut(count, batch);
    at_cut.disk.cut_before(cut);
    REQUIRE_FALSE(at_cut.run());
    for (const auto& [first, second] : pairs_of_ends()) {
      for (std::size_t later = 1; later <= longest_recovery; ++later) {
        INFO("batch " << batch << ", " << first.what << " before operation " << cut << ", " << second.what << " "
                      << later << " later");
        World world = at_cut;
        end(world, first, cut);
        world.disk.cut_before(world.disk.operations() + later);
        world.run();
        end(world, second, later);
        REQUIRE(world.run());
        REQUIRE(world.faults() == none);
        REQUIRE(world.doubled().size() <= most_doubled(first, batch) + most_doubled(second, batch));
      }
    }
  }
}

TEST_CASE("a replay continues after each of its operations has failed for a while", "[crash]") {
  const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 32);
  const std::size_t count = 40;
  const std::size_t operations = operations_of(count, batch);
  for (const std::size_t how_many : {1U, 2U, 3U, 20U}) {
    for (std::size_t failing = 1; failing <= operations; ++failing) {
      INFO("batch " << batch << ", " << how_many << " operations fail from " << failing << " of " << operations);
      World world(count, batch);
      world.disk.fail(failing, how_many);
      REQUIRE(world.run());
      world.finish();
      REQUIRE(world.faults() == none);
    }
  }
}

TEST_CASE("a replay survives a failed operation followed by the end of the process or the power", "[crash]") {
  const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 3);
  const std::size_t count = 9;
  const std::size_t operations = operations_of(count, batch);
  for (std::size_t failing = 1; failing <= operations; ++failing) {
    for (std::size_t later = 1; later <= 25; ++later) {
      World at_cut(count, batch);
      at_cut.disk.fail(failing);
      at_cut.disk.cut_before(failing + later);
      const bool has_ended = at_cut.run();
      // A process cannot report a failed sync if it ends before it has noticed the failure.
      if (later == 1 && at_cut.disk.last_failure().starts_with("sync_")) continue;
      for (const End& how : ends) {
        INFO("batch " << batch << ", operation " << failing << " of " << operations << " fails, " << how.what << " "
                      << later << " later");
        World world = at_cut;
        end(world, how, later);
        world.finish();
        REQUIRE(world.faults() == none);
      }
      if (has_ended) break;
    }
  }
}

TEST_CASE("a replay survives a cut followed by a failed operation of the next process", "[crash]") {
  const std::size_t batch = GENERATE(as<std::size_t>{}, 1, 3);
  const std::size_t count = 9;
  const std::size_t operations = operations_of(count, batch);
  for (std::size_t cut = 1; cut <= operations; ++cut) {
    World at_cut(count, batch);
    at_cut.disk.cut_before(cut);
    REQUIRE_FALSE(at_cut.run());
    for (const auto& [how, how_many] : ends_and_failures()) {
      for (std::size_t failing = 1; failing <= 20; ++failing) {
        INFO("batch " << batch << ", " << how.what << " before operation " << cut << ", then " << how_many
                      << " operations fail from " << failing);
        World world = at_cut;
        end(world, how, cut);
        world.disk.fail(world.disk.operations() + failing, how_many);
        REQUIRE(world.run());
        world.finish();
        REQUIRE(world.faults() == none);
      }
    }
  }
}

}  // namespace lonc::core::test
