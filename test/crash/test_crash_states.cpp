// The states that a weak file system may leave after a loss of power. The calls of a replay are recorded; each state
// that may follow from a part of them is made in a real directory, and a new process delivers what it finds there.
// docs/reliability.md describes what such a file system may do.
#include "crash/enumeration.hpp"
#include "crash/recorder.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <lonc/core/spool/delayed_message.hpp>
#include <lonc/core/spool/spool.hpp>
#include <lonc/core/spool/spool_journal.hpp>
#include <lonc/net/spool/file_spool_disk.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace lonc::test {

namespace {

using namespace std::chrono_literals;
using Kind = Operation::Kind;

const std::vector<std::string> hosts{"msul1", "msul2"};

std::string name_of(int number, std::size_t host = 0) {
  return std::to_string(1000 + number) + ".1.77.put." + hosts.at(host);
}
std::string host_of(const std::string& name) { return name.substr(name.rfind('.') + 1); }
std::string line_of(const std::string& name) { return "put:" + name; }

// Files have the inodes that they had when they were recorded, are old enough to be sent, and the machine has been
// started as often as the test says.
class Disk : public net::FileSpoolDisk {
 public:
  Disk(const std::string& directory, std::string boot)
      : FileSpoolDisk(directory + "/delayed", directory + "/lonnet.perm.log"), boot_(std::move(boot)) {}
  core::SpoolFile read(const std::string& name, std::size_t limit) override {
    core::SpoolFile file = FileSpoolDisk::read(name, limit);
    if (const auto at = inodes.find(file.inode); at != inodes.end()) file.inode = at->second;
    file.age = 1h;
    return file;
  }
  std::string boot_id() override { return boot_; }

  std::map<unsigned long, unsigned long> inodes;  // the present ones, and those when recorded

 private:
  std::string boot_;
};

struct Process {
  std::set<std::string> refused;
  std::size_t batch = 32;
  std::set<std::string> named{};
  std::vector<std::string> received{};
  std::function<void(Disk&, core::Spool&)> meanwhile{};  // after each answer

  void run(Disk& disk);
};

// The peers answer each message of a batch in turn.
void Process::run(Disk& disk) {
  REQUIRE_FALSE(disk.open());
  const auto log = [this](core::Severity, std::string_view, std::string_view text) {
    constexpr std::string_view beginning = "Delayed message ";
    if (text.find(" may have two S: lines") == std::string_view::npos) return;
    text.remove_prefix(beginning.size());
    named.emplace(text.substr(0, text.find(' ')));
  };
  core::Spool spool(disk, {.min_age = {}, .batch = batch}, log, {[] { return 0U; }, [] { return 0U; }});
  spool.set_hosts(hosts);
  for (bool has_more = true; has_more;) {
    has_more = false;
    std::vector<core::DelayedBatch> batches = spool.hand_out(hosts);
    for (std::size_t host = 0; host != hosts.size(); ++host) {
      for (const core::DelayedMessage& message : batches[host].messages) {
        has_more = true;
        record_mark(Kind::sent, message.name);
        received.push_back(message.name);
        const std::error_code error = refused.contains(message.name)
                                          ? spool.set_aside(hosts[host], "refused")
                                          : spool.answered(hosts[host], core::sent_record(hosts[host], message.line));
        CHECK_FALSE(error);
        if (meanwhile) meanwhile(disk, spool);
      }
    }
  }
  CHECK_FALSE(spool.commit());
  spool.close();
  CHECK(spool.trouble().text().empty());
}

struct Scenario {
  std::set<std::string> names;  // on the disk at the beginning
  Process process;
  std::set<std::string> bad{};  // quarantined although the peer has not refused them
};

class States {
 public:
  explicit States(Scenario scenario) : scenario_(std::move(scenario)) {}

  void record(const std::string& directory) {
    Disk disk(directory, "boot 1");
    begin_recording(directory);
    scenario_.process.run(disk);
    recording_ = end_recording();
  }
  // As if the program did not sync the file or directory of this name.
  void leave_out_syncs(const std::string& name) {
    std::set<int> objects;
    if (name == "/") objects.insert(0);
    for (const auto& [directory, names] : recording_.before.directories) {
      if (names.contains(name)) objects.insert(names.at(name));
    }
    for (const Operation& operation : recording_.operations) {
      if (operation.kind == Kind::add && operation.name == name) objects.insert(operation.target);
      if (operation.kind == Kind::move && operation.new_name == name) objects.insert(operation.target);
    }
    REQUIRE_FALSE(objects.empty());
    for (Operation& operation : recording_.operations) {
      if (operation.kind == Kind::sync && objects.contains(operation.object)) operation.object = -1;
    }
  }
  std::size_t count_faults() {
    visit_all();
    return lost_ + wrong_;
  }
  void check_all() {
    visit_all();
    std::cout << recording_.operations.size() << " operations, " << states_.size() << " states, " << lost_ << " lost, "
              << wrong_ << " otherwise wrong\n";
    CHECK(lost_ == 0);
    CHECK(wrong_ == 0);
    CHECK(states_.size() > 100);
  }

 private:
  void visit_all() {
    for (std::size_t end = 0; end <= recording_.operations.size(); ++end) {
      end_ = end;
      std::size_t killed = 0;
      Enumeration(recording_, end, [&](const FileTree& tree) {
        // The first one has everything: the same machine may also go on with it.
        if (killed++ == 0) check(tree, "boot 1");
        check(tree, "boot 2");
      }).all();
    }
  }
  void make(const FileTree& tree, int directory, const std::string& path, Disk& disk) const {
    for (const auto& [name, object] : tree.directories.at(directory)) {
      const std::string below = path + "/" + name;
      if (tree.directories.contains(object)) {
        std::filesystem::create_directory(below);
        make(tree, object, below, disk);
        continue;
      }
      const auto file = tree.files.find(object);
      write_file(below, file == tree.files.end() ? std::string() : file->second);
      struct stat info{};
      if (::stat(below.c_str(), &info) == 0) disk.inodes[info.st_ino] = recording_.inodes.at(object);
    }
  }

  void check(const FileTree& tree, const std::string& boot) {
    std::set<std::string> durable = scenario_.names;
    std::multiset<std::string> received;
    for (std::size_t i = 0; i != end_; ++i) {
      const Operation& operation = recording_.operations[i];
      if (operation.kind == Kind::durable) durable.insert(operation.name);
      if (operation.kind == Kind::sent) received.insert(operation.name);
    }
    std::string key = boot + std::to_string(durable.size()) + '\3';
    for (const std::string& name : received) key += name + '\3';
    if (!states_.insert(std::hash<std::string>{}(key + text_of(tree))).second) return;

    const TempDir directory;
    Disk disk(directory.path(), boot);
    make(tree, 0, directory.path(), disk);
    Process process{.refused = scenario_.process.refused};
    process.run(disk);
    disk.close();
    judge(directory, durable, received, process, boot);
  }

  void judge(const TempDir& directory, const std::set<std::string>& durable, const std::multiset<std::string>& before,
             const Process& process, const std::string& boot) {
    const std::string log = read_file(directory / "lonnet.perm.log");
    const auto quarantined = [&](const std::string& name) {
      for (const char* const suffix : {"", "~1", "~2"}) {
        const std::string text = read_file(directory / ("delayed/quarantine/" + name + suffix));
        if (text.starts_with(line_of(name) + "\n")) return true;
      }
      return false;
    };
    const auto is_expected_there = [&](const std::string& name) {
      return scenario_.process.refused.contains(name) || scenario_.bad.contains(name);
    };
    for (const std::string& name : durable) {
      const bool is_logged = log.find(":" + core::sent_record(host_of(name), line_of(name)) + ":") != std::string::npos;
      const bool was_received = before.contains(name) || std::ranges::count(process.received, name) > 0;
      if (is_expected_there(name) ? !quarantined(name) && !is_logged : !was_received) fault(lost_, "lost", name);
      if (!is_expected_there(name) && !is_logged) fault(wrong_, "has no S: line", name);
      if (!is_expected_there(name) && quarantined(name)) fault(wrong_, "quarantined", name);
    }
    for (const std::string& host : hosts) {
      std::string last;
      std::size_t doubled = 0;
      for (const std::string& name : process.received) {
        if (host_of(name) != host) continue;
        if (name < last && !is_expected_there(name)) fault(wrong_, "out of order", name);
        last = name;
        const bool is_twice = before.contains(name) || std::ranges::count(process.received, name) > 1;
        if (!is_twice || is_expected_there(name)) continue;
        ++doubled;
        if (!process.named.contains(name)) fault(wrong_, "doubled and not named", name);
      }
      if (doubled > (boot == "boot 1" ? 1 : scenario_.process.batch)) fault(wrong_, "too many doubled", host);
    }
    const auto journal = core::parse_journal(read_file(directory / "delayed/.sending"));
    if (!core::open_records(journal).empty()) fault(wrong_, "journal has open records", "");
    Disk again(directory.path(), "boot 3");
    Process next{.refused = scenario_.process.refused};
    next.run(again);
    for (const std::string& name : next.received) fault(wrong_, "sent once more", name);
  }

  void fault(std::size_t& count, std::string_view what, const std::string& name) {
    if (++count <= 3) std::cout << "after operation " << end_ << ": " << what << " " << name << "\n";
  }

  Scenario scenario_;
  Recording recording_;
  std::size_t end_ = 0;
  std::set<std::size_t> states_;  // hashes
  std::size_t lost_ = 0;
  std::size_t wrong_ = 0;
};

struct Place {
  Place() { std::filesystem::create_directory(directory / "delayed"); }
  void leave(const std::string& name, const std::string& more = "") const {
    write_file(directory / ("delayed/" + name), line_of(name) + "\n" + more);
  }
  Scenario messages(int first_host, int second_host, std::size_t batch) const {
    Scenario scenario{.names = {}, .process = {.refused = {}, .batch = batch}};
    for (int i = 0; i != first_host; ++i) scenario.names.insert(name_of(i));
    for (int i = 0; i != second_host; ++i) scenario.names.insert(name_of(i, 1));
    for (const std::string& name : scenario.names) leave(name);
    return scenario;
  }
  void check(Scenario scenario) const {
    States states(std::move(scenario));
    states.record(directory.path());
    states.check_all();
  }

  // Thousands of directories are made: in memory, if possible.
  static std::string in_memory() {
    if (std::filesystem::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 0);
    return {};
  }
  std::string where = in_memory();
  TempDir directory;
};

}  // namespace

TEST_CASE("crash states: one message at a time") {
  const Place place;
  place.check(place.messages(3, 1, 1));
}

TEST_CASE("crash states: batches of two hosts") {
  const Place place;
  write_file(place.directory / "lonnet.perm.log", "an earlier line\n");
  place.check(place.messages(4, 2, 3));
}

TEST_CASE("crash states: the permanent log is new") {
  const Place place;
  place.check(place.messages(2, 0, 2));
}

TEST_CASE("crash states: one message is refused, one is no message") {
  const Place place;
  Scenario scenario = place.messages(4, 1, 2);
  scenario.process.refused = {name_of(1)};
  scenario.bad = {name_of(2)};
  place.leave(name_of(2), "a second line\n");
  place.check(scenario);
}

TEST_CASE("crash states: an administrator holds a message and releases it") {
  const Place place;
  Scenario scenario = place.messages(3, 0, 1);
  const std::string held = name_of(2);
  scenario.bad = {held};
  int answers = 0;
  scenario.process.meanwhile = [held, answers](Disk& disk, core::Spool& spool) mutable {
    if (++answers == 1) {
      spool.forget(held);
      CHECK_FALSE(disk.set_aside(held, "held"));
      CHECK_FALSE(disk.sync_directory());
    } else if (answers == 2) {
      CHECK_FALSE(disk.release({.file = held, .name = held, .reason = {}}));
      CHECK_FALSE(disk.sync_directory());
      spool.appeared(held);
    }
  };
  place.check(scenario);
}

TEST_CASE("crash states: a message arrives during the replay") {
  const Place place;
  Scenario scenario = place.messages(3, 0, 2);
  const std::string late = name_of(7);
  int answers = 0;
  scenario.process.meanwhile = [&place, late, answers](Disk& disk, core::Spool& spool) mutable {
    if (++answers != 1) return;
    const std::string text = line_of(late) + "\n";
    const int fd = ::open((place.directory / ("delayed/" + late)).c_str(), O_WRONLY | O_CREAT, 0600);
    CHECK(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    CHECK(::fsync(fd) == 0);
    ::close(fd);
    spool.appeared(late);
    CHECK_FALSE(disk.sync_directory());
    record_mark(Kind::durable, late);
  };
  place.check(scenario);
}

// A check that cannot fail proves nothing.
TEST_CASE("crash states: a sync that is left out is noticed") {
  const std::string name = GENERATE(".sending", "lonnet.perm.log", "delayed", "quarantine", "/");
  const Place place;
  Scenario scenario = place.messages(2, 0, 2);
  scenario.process.refused = {name_of(1)};
  States states(scenario);
  states.record(place.directory.path());
  states.leave_out_syncs(name);
  const std::size_t faults = states.count_faults();
  std::cout << "without the syncs of " << name << ": " << faults << " faults\n";
  CHECK(faults > 0);
}

}  // namespace lonc::test
