// Spool: what its journal preserves across crashes, failed syncs and full disks, with literal events.
#include "core/spool/spool_harness.hpp"
#include "support/catch.hpp"

#include <ctime>

namespace lonc::core::test {

using namespace std::chrono_literals;

TEST_CASE("returned messages are handed out again in their order, and after a crash those sent are named") {
  SpoolHarness t;
  t.leave(2);
  t.leave(3);
  CHECK(t.lines() == "put:2 put:3");
  t.spool->returned("msul1", true);
  CHECK_FALSE(t.spool->is_handed_out(name_of(2)));
  CHECK(t.spool->waiting("msul1") == 2);
  // Older than the one that was sent, so that it comes before it.
  t.leave(1);
  t.spool->appeared(name_of(1));
  CHECK(t.lines() == "put:1 put:2 put:3");
  t.disk.kill();
  t.start({"msul1"});
  CHECK_FALSE(t.spool->recover());
  std::vector<std::string> named = t.spool->possible_duplicates().names();
  std::ranges::sort(named);
  CHECK(named == std::vector<std::string>{name_of(1), name_of(2)});
  CHECK(t.spool->possible_duplicates().count() == 2);
}

TEST_CASE("messages named after a crash are named again after the next one, until the log has written them") {
  SpoolHarness t;
  t.leave(1);
  t.leave(2);
  CHECK(t.lines() == "put:1 put:2");
  // The disk of the log hangs: no log line reaches it.
  for (int kills = 0; kills != 3; ++kills) {
    t.disk.kill();
    t.start({"msul1"});
    CHECK_FALSE(t.spool->recover());
    CHECK(t.spool->possible_duplicates().names() == std::vector<std::string>{name_of(1)});
    // Also when it has been sent again and answered, and its file is deleted.
    if (kills != 1) continue;
    CHECK(t.lines() == "put:1 put:2");
    CHECK_FALSE(t.spool->answered("msul1", "S:msul1:put:1"));
    t.spool->returned("msul1", false);
    CHECK_FALSE(t.spool->commit());
    CHECK(t.disk.durable_names() == std::vector<std::string>{name_of(2)});
    CHECK(t.spool->has_uncommitted());
    t.spool->close();
  }
  t.written = t.logs.size();
  CHECK_FALSE(t.spool->commit());
  CHECK_FALSE(t.spool->has_uncommitted());
  t.disk.kill();
  t.start({"msul1"});
  CHECK_FALSE(t.spool->recover());
  CHECK(t.spool->possible_duplicates().names().empty());
}

TEST_CASE("failed attempts of a message outlive the process") {
  SpoolHarness t;
  t.leave(1);
  t.leave(2);
  CHECK(t.hand_out().messages.at(0).attempts == 0);
  t.spool->failed("msul1", 1);
  t.spool->failed("msul1", 2);
  const bool is_returned = GENERATE(false, true);
  if (is_returned) t.spool->returned("msul1", GENERATE(false, true));
  for (int kills = 0; kills != 2; ++kills) {
    t.disk.kill();
    t.start({"msul1"});
    CHECK_FALSE(t.spool->recover());
    CHECK(t.spool->possible_duplicates().names() == std::vector<std::string>{name_of(1)});
  }
  const DelayedBatch batch = t.hand_out();
  CHECK(batch.messages.at(0).attempts == 2);
  CHECK(batch.messages.at(1).attempts == 0);
  // It is written again with the rest.
  t.disk.kill();
  t.start({"msul1"});
  CHECK(t.hand_out().messages.at(0).attempts == 2);
  t.spool->failed("msul1", 0);
  t.spool->returned("msul1", false);
  CHECK(t.hand_out().messages.at(0).attempts == 0);
}

TEST_CASE("a journal of the previous version is recovered, and converted to the new format") {
  SpoolHarness t;
  for (int i = 1; i <= 6; ++i) t.leave(i);
  const auto line = [&](const char* kind, int number) {
    return kind + ("\t" + std::to_string(t.disk.file(name_of(number)).inode)) + "\tmsul1\t" + name_of(number) + "\n";
  };
  const bool is_same_boot = GENERATE(true, false);
  t.disk.write_journal_file("lonc-sending-1\t" + (is_same_boot ? t.disk.boot_id() : "before") + "\n" + line("P", 1) +
                            line("P", 2) + line("P", 3) + line("P", 4) + line("A", 1) + line("L", 2) + line("U", 5) +
                            line("P", 6) + line("R", 6) + "P\t1");
  CHECK_FALSE(t.spool->recover());
  const auto named = [](std::initializer_list<int> numbers) {
    std::vector<std::string> names;
    for (const int number : numbers) names.push_back(name_of(number));
    return names;
  };
  CHECK(t.spool->possible_duplicates().names() == (is_same_boot ? named({3, 5}) : named({1, 3, 4, 5})));
  CHECK(t.disk.names() == (is_same_boot ? named({3, 4, 5, 6}) : named({1, 3, 4, 5, 6})));
  CHECK(t.disk.journal().starts_with("lonc-sending-2\t" + t.disk.boot_id() + "\t"));
}

TEST_CASE("a disk filled up by messages alone is emptied") {
  const std::size_t blocks = GENERATE(20U, 40U, 200U);
  const bool is_full_at_the_start = GENERATE(false, true);
  CAPTURE(blocks, is_full_at_the_start);
  SpoolHarness t;
  t.disk.capacity = blocks * 4096;
  if (!is_full_at_the_start) CHECK_FALSE(t.spool->recover());
  const std::size_t left = blocks - t.disk.journal().size() / 4096;
  for (std::size_t i = 0; i != left; ++i) t.leave(static_cast<int>(1000 + i), i % 2 == 0 ? "msul1" : "msul2");
  std::size_t sent = 0;
  for (std::size_t round = 0; round != 2 * blocks && sent != left; ++round) {
    const auto batches = t.spool->hand_out({"msul1", "msul2"});
    CHECK(t.spool->trouble().text().empty());
    const std::string hosts[] = {"msul1", "msul2"};
    for (std::size_t host = 0; host != 2; ++host) {
      for (const DelayedMessage& message : batches[host].messages) {
        CHECK_FALSE(t.spool->answered(hosts[host], "S:" + message.line));
        ++sent;
      }
    }
  }
  CHECK(sent == left);
  CHECK_FALSE(t.spool->commit());
  CHECK(t.disk.durable_names().empty());
  CHECK(t.spool->trouble().text().empty());
  // The messages sent while there was no space at all are named.
  CHECK((t.spool->possible_duplicates().count() > 0) == is_full_at_the_start);
  CHECK(t.spool->possible_duplicates().count() <= 2);
}

TEST_CASE("a small journal holds as much as it can, and grows when there is space") {
  SpoolHarness t({.line_limit = 100, .batch = 1000});
  t.disk.capacity = 2 * 4096;
  CHECK_FALSE(t.spool->recover());
  CHECK(t.disk.journal().size() == 2 * 4096);
  for (int i = 0; i != 300; ++i) t.leave(1000 + i);
  t.leave(1, "msul2");
  const auto batches = t.spool->hand_out({"msul1", "msul2"});
  const std::size_t first = batches[0].messages.size();
  CHECK(first > 50);
  CHECK(first < 100);
  CHECK(batches[1].messages.empty());
  CHECK(batches[1].retry_after == 1s);
  CHECK_FALSE(batches[1].is_held_up);
  t.disk.kill();
  t.start({"msul1", "msul2"});
  CHECK_FALSE(t.spool->recover());
  CHECK(t.spool->possible_duplicates().count() == 1);
  t.disk.capacity.reset();
  CHECK(t.hand_out().messages.size() == 300);
  CHECK(t.disk.journal().size() == 2 * 64 * 1024);
}

TEST_CASE("a message answered before a failed sync is logged again, but not sent again") {
  SpoolHarness t;
  t.leave(1);
  t.leave(2);
  CHECK(t.lines() == "put:1 put:2");
  CHECK_FALSE(t.spool->answered("msul1", "S:msul1:put:1"));
  t.disk.fail(t.disk.operations() + 1);  // the sync of the permanent log
  CHECK(t.spool->commit());
  CHECK(t.spool->trouble().text().starts_with("the permanent log cannot be synced"));
  SECTION("by the same process") {
    CHECK_FALSE(t.spool->recheck());
    CHECK(t.spool->trouble().text().empty());
    CHECK(t.disk.log_lines() == std::vector<std::string>{"S:msul1:put:1", "S:msul1:put:1"});
    CHECK(t.disk.durable_log_lines() == std::vector<std::string>{"S:msul1:put:1"});
    CHECK(t.spool->possible_duplicates().names() == std::vector<std::string>{name_of(1)});
    CHECK(t.disk.durable_names() == std::vector<std::string>{name_of(2)});
  }
  SECTION("a later process does not rely on the record") {
    t.disk.kill();
    t.start({"msul1"});
    CHECK_FALSE(t.spool->recover());
    CHECK(t.spool->possible_duplicates().names() == std::vector<std::string>{name_of(2), name_of(1)});
    CHECK(t.lines() == "put:1 put:2");
  }
}

TEST_CASE("all changes of the directory are repeated when their sync has failed") {
  SpoolHarness t;
  for (int i = 1; i <= 8; ++i) t.leave(i);
  CHECK(t.hand_out().messages.size() == 8);
  for (int i = 1; i <= 8; ++i) {
    const auto error = i % 2 == 0 ? t.spool->set_aside("msul1", "refused")
                                  : t.spool->answered("msul1", "S:msul1:put:" + std::to_string(i));
    CHECK_FALSE(error);
  }
  t.disk.fail(t.disk.operations() + 6, 1);  // the log, four deletions, the directory
  CHECK(t.spool->commit());
  CHECK(t.disk.last_failure() == "sync_directory");
  CHECK_FALSE(t.spool->recheck());
  CHECK(t.disk.durable_names().empty());
  CHECK(t.disk.quarantine().size() == 4);
  CHECK(t.lines().empty());
  CHECK(t.spool->possible_duplicates().names().empty());
}

namespace {

// Recovery of a journal with open records of so many peers, in CPU seconds since the machine may be busy.
double recovery_seconds(int peers) {
  SpoolHarness t;
  std::string journal = "lonc-sending-1\t" + t.disk.boot_id() + "\n";
  std::vector<std::string> hosts;
  for (int peer = 0; peer != peers; ++peer) {
    const std::string host = "host" + std::to_string(peer);
    hosts.push_back(host);
    for (int number = 1; number != 32; ++number)
      journal += "P\t1\t" + host + "\t" + std::to_string(number) + ".put." + host + "\n";
    t.disk.leave("0.put." + host, "put:0\n");
    journal += "P\t" + std::to_string(t.disk.file("0.put." + host).inode) + "\t" + host + "\t0.put." + host + "\n";
  }
  t.disk.write_journal_file(journal);
  t.start(hosts);
  const std::clock_t begun = std::clock();
  CHECK_FALSE(t.spool->recover());
  const std::clock_t end = std::clock();
  CHECK(t.spool->possible_duplicates().count() == static_cast<std::size_t>(peers));
  return static_cast<double>(end - begun) / CLOCKS_PER_SEC;
}

}  // namespace

TEST_CASE("recovery takes time proportional to the number of open records") {
  recovery_seconds(1'000);  // what only the first run costs
  const double few = recovery_seconds(1'000);
  const double many = recovery_seconds(10'000);
  CAPTURE(few, many);
  CHECK(many < 40 * few);  // quadratic would be a hundred times
}

TEST_CASE("a message returned unsent is no possible duplicate") {
  SpoolHarness t;
  t.leave(1);
  CHECK(t.lines() == "put:1");
  t.spool->returned("msul1", false);
  t.disk.kill();
  t.start({"msul1"});
  CHECK_FALSE(t.spool->recover());
  CHECK(t.spool->possible_duplicates().names().empty());
}

TEST_CASE("a record after half a line of the journal is not lost") {
  SpoolHarness t;
  t.leave(1);
  CHECK(t.lines() == "put:1");
  t.disk.fail(t.disk.operations() + 2);  // the journal's line of the answer
  CHECK(t.spool->answered("msul1", "S:msul1:put:1"));
  t.leave(2);
  t.spool->appeared(name_of(2));
  CHECK(t.lines() == "put:2");
  t.disk.kill();
  t.start({"msul1"});
  CHECK_FALSE(t.spool->recover());
  CHECK(t.spool->possible_duplicates().names() == std::vector<std::string>{name_of(2)});
}

TEST_CASE("close empties the journal only if nothing is open") {
  SpoolHarness t;
  t.leave(1);
  t.leave(2);
  CHECK(t.lines() == "put:1 put:2");
  CHECK_FALSE(t.spool->answered("msul1", "S:msul1:put:1"));
  t.spool->close();
  CHECK(t.disk.names() == std::vector<std::string>{name_of(2)});
  CHECK(t.open() > 0);
  t.spool->returned("msul1", true);
  t.spool->close();
  CHECK(t.open() > 0);
  CHECK(t.lines() == "put:2");
  CHECK_FALSE(t.spool->answered("msul1", "S:msul1:put:2"));
  t.spool->close();
  CHECK(t.disk.names().empty());
  CHECK(t.open() == 0);
}

}  // namespace lonc::core::test
