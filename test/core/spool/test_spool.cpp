// Spool with literal events. test_spool_crash.cpp tests that it keeps its promise at every moment.
#include "core/spool/spool_harness.hpp"
#include "support/catch.hpp"

namespace lonc::core::test {

using namespace std::chrono_literals;

TEST_CASE("a host is handed out its oldest messages, and no more until all of them are answered") {
  SpoolHarness t({.line_limit = 100, .batch = 2});
  for (const int i : {3, 1, 2}) t.leave(i);
  t.leave(1, "msul2");
  t.disk.leave(name_of(1, "xmsul1"), "put:x\n");
  const auto batches = t.spool->hand_out({"msul2", "msul1", "unknown"});
  REQUIRE(batches.size() == 3);
  CHECK(batches[0].waiting == 1);
  CHECK(batches[1].waiting == 3);
  CHECK(batches[2].waiting == 0);
  REQUIRE(batches[1].messages.size() == 2);
  CHECK(batches[1].messages[0].name == name_of(1));
  CHECK(batches[1].messages[1].line == "put:2");
  CHECK(t.lines().empty());
  CHECK(t.spool->is_handed_out(name_of(2)));
  CHECK_FALSE(t.spool->is_handed_out(name_of(3)));
  CHECK(t.spool->appeared(name_of(2)) == nullptr);
  CHECK(t.spool->appeared(".sending") == nullptr);
  CHECK_FALSE(t.spool->answered("msul1", "S:msul1:put:1"));
  CHECK(t.spool->waiting("msul1") == 2);
  CHECK(t.spool->has_uncommitted());
  CHECK(t.disk.names().size() == 5);
  CHECK_FALSE(t.spool->answered("msul1", "S:msul1:put:2"));
  CHECK(t.lines() == "put:3");
  CHECK(t.disk.durable_names().size() == 3);
  CHECK(t.disk.durable_log_lines() == std::vector<std::string>{"S:msul1:put:1", "S:msul1:put:2"});
  CHECK(t.logs.empty());
}

TEST_CASE("a young file is left until it is old enough, and younger ones wait behind it") {
  SpoolHarness t;
  t.leave(1);
  t.disk.file(name_of(1)).age = 2s;
  t.leave(2);
  const DelayedBatch batch = t.hand_out();
  CHECK(batch.messages.empty());
  CHECK(batch.waiting == 2);
  CHECK(batch.retry_after == 3s);
  CHECK_FALSE(batch.is_held_up);
  t.disk.file(name_of(1)).age = 5s;
  CHECK(t.lines() == "put:1 put:2");
}

TEST_CASE("messages older than a young file are handed out without it") {
  SpoolHarness t;
  t.leave(1);
  t.leave(2);
  t.disk.file(name_of(2)).age = 4s;
  CHECK(t.lines() == "put:1");
}

TEST_CASE("an empty file, or one without a line end, is left until it no longer changes") {
  SpoolHarness t({.line_limit = 100, .min_age = 0s});
  t.disk.leave(name_of(1), {.content = "put:1", .age = 1s});
  t.disk.leave(name_of(2), {.content = "", .age = 4s});
  t.disk.leave(name_of(3), {.content = "put:3\n", .age = 0s});
  CHECK(t.hand_out().retry_after == 4s);
  t.disk.file(name_of(1)).content = "put:1:whole\n";
  CHECK(t.lines() == "put:1:whole");
  CHECK_FALSE(t.spool->answered("msul1", "S:msul1:put:1:whole"));
  CHECK(t.hand_out().retry_after == 1s);
  t.disk.file(name_of(2)).age = 5s;
  CHECK(t.lines() == "put:3");
  CHECK(t.reason_of(name_of(2)) == "it is empty");
}

TEST_CASE("an old line without a line end is a message") {
  SpoolHarness t;
  t.disk.leave(name_of(1), "put:1");
  CHECK(t.lines() == "put:1");
}

TEST_CASE("files that cannot be sent are quarantined with a reason, and the rest is handed out") {
  SpoolHarness t;
  const auto denied = std::make_error_code(std::errc::permission_denied);
  t.disk.leave(name_of(1), "a\nb\n");
  t.disk.leave(name_of(2), std::string("a\0\n", 3));
  t.disk.leave(name_of(3), std::string(101, 'a') + "\n");
  t.disk.leave(name_of(4), "msul1:put:4\n");
  t.disk.leave(name_of(5), {.content = "", .state = SpoolFile::State::not_a_file});
  t.disk.leave(name_of(6), {.content = "", .state = SpoolFile::State::unreadable, .error = denied});
  t.disk.leave("7.0.1.<b>.msul1", "");
  t.disk.leave(name_of(8), "a\n" + std::string(101, '\n') + "b\n");
  t.leave(9);
  CHECK(t.lines() == "put:9");
  CHECK(t.reason_of(name_of(1)) == "it contains several lines");
  CHECK(t.reason_of(name_of(2)) == "it contains a NUL byte");
  CHECK(t.reason_of(name_of(3)) == "its line is longer than max-line-length");
  CHECK(t.reason_of(name_of(4)).starts_with("its line begins with the host id"));
  CHECK(t.reason_of(name_of(5)) == "it is not a file");
  CHECK(t.reason_of(name_of(6)) == "it cannot be read: " + denied.message());
  CHECK(t.reason_of(name_of(8)) == "it is longer than max-line-length");
  CHECK(t.spool->set_aside_count() == 8);
  CHECK(t.spool->waiting("msul1") == 1);
  CHECK(t.disk.durable_names() == std::vector<std::string>{name_of(9)});
  // Of eight the first, second, fourth and eighth are warnings.
  CHECK(t.count_logs("was quarantined: ") == 8);
  CHECK(t.count_logs("WARNING msul1: Delayed message") == 4);
  CHECK(t.count_logs("7.0.1.&lt;b&gt;.msul1") == 1);
  CHECK(t.spool->trouble().text().empty());
}

TEST_CASE("a message that cannot be read at the moment holds back those behind it") {
  SpoolHarness t;
  t.leave(1);
  t.leave(2);
  t.disk.file(name_of(2)).state = SpoolFile::State::failed;
  t.disk.file(name_of(2)).error = std::make_error_code(std::errc::io_error);
  t.leave(3);
  CHECK(t.lines() == "put:1");
  CHECK(t.spool->trouble().text().starts_with("a message cannot be read: "));
  CHECK_FALSE(t.spool->answered("msul1", "S:msul1:put:1"));
  CHECK(t.hand_out().retry_after == 5s);
  t.disk.file(name_of(2)).state = SpoolFile::State::read;
  CHECK_FALSE(t.spool->recheck());
  CHECK(t.spool->trouble().text().empty());
  CHECK(t.lines() == "put:2 put:3");
}

TEST_CASE("trouble that recurs after each recheck causes ever fewer warnings") {
  SpoolHarness t;
  t.disk.leave(name_of(1),
               {.content = "", .state = SpoolFile::State::failed, .error = std::make_error_code(std::errc::io_error)});
  for (int i = 0; i != 16; ++i) {
    CHECK(t.hand_out().messages.empty());
    t.log_trouble();
    CHECK_FALSE(t.spool->recheck());
    t.log_trouble();
  }
  CHECK(t.count_logs("Delayed messages are not sent: a message cannot be read") == 16);
  CHECK(t.count_logs("WARNING : Delayed messages are not sent") == 5);
}

TEST_CASE("messages that cannot be logged are not sent, however often the daemon starts, until there is space again") {
  SpoolHarness t;
  for (int i = 1; i <= 3; ++i) t.leave(i);
  t.disk.log_room = 0;
  for (int start = 0; start != 3; ++start) {
    t.start({"msul1"});
    for (int look = 0; look != 2; ++look) {
      const DelayedBatch batch = t.hand_out();
      CHECK(batch.messages.empty());
      CHECK(batch.is_held_up);
      CHECK(batch.waiting == 3);
      CHECK(t.spool->trouble().text().starts_with("the permanent log cannot be written: "));
      CHECK(t.spool->recheck());
      t.log_trouble();
    }
    t.spool->close();
  }
  CHECK(t.count_logs("WARNING : Delayed messages are not sent") == 3);
  CHECK(t.count_logs("sent again") == 0);
  CHECK(t.spool->possible_duplicates().names().empty());
  t.disk.log_room = 1000;
  CHECK_FALSE(t.spool->recheck());
  CHECK(t.spool->trouble().text().empty());
  CHECK(t.lines() == "put:1 put:2 put:3");
}

TEST_CASE("if the permanent log has space for only a few lines, one message at a time is handed out") {
  SpoolHarness t;
  for (int i = 1; i <= 3; ++i) t.leave(i);
  t.leave(1, "msul2");
  for (const char* const line : {"put:1", "put:2"}) {
    t.disk.log_room = 2 * std::string("S:msul1:put:1\n").size() - 1;
    const auto batches = t.spool->hand_out({"msul1", "msul2"});
    REQUIRE(batches[0].messages.size() == 1);
    CHECK(batches[0].messages[0].line == line);
    CHECK(batches[1].messages.empty());
    CHECK_FALSE(batches[1].is_held_up);
    CHECK(batches[1].retry_after == 1s);
    // While it is handed out, the other host has to wait, and that is no trouble.
    const DelayedBatch other = t.hand_out("msul2");
    CHECK(other.messages.empty());
    CHECK(other.retry_after == 1s);
    CHECK(t.spool->trouble().text().empty());
    CHECK_FALSE(t.spool->answered("msul1", "S:msul1:" + std::string(line)));
  }
  CHECK(t.hand_out().is_held_up);
  CHECK(t.disk.names().size() == 2);
}

TEST_CASE("while a batch of another host is out, lack of space in the permanent log is reported as trouble") {
  SpoolHarness t;
  for (int i = 1; i <= 3; ++i) t.leave(i);
  t.leave(1, "msul2");
  CHECK(t.lines() == "put:1 put:2 put:3");
  t.disk.log_room = 0;
  const DelayedBatch other = t.hand_out("msul2");
  CHECK(other.messages.empty());
  CHECK(other.is_held_up);
  CHECK(t.spool->trouble().text().starts_with("the permanent log cannot be written: "));
  CHECK(t.spool->recheck());
  t.disk.log_room = 1000;
  CHECK_FALSE(t.spool->recheck());
  CHECK(t.spool->trouble().text().empty());
  CHECK(t.lines("msul2") == "put:1");
}

TEST_CASE("a file that has disappeared is no trouble") {
  SpoolHarness t;
  t.leave(1);
  t.leave(2);
  CHECK_FALSE(t.spool->recover());
  CHECK_FALSE(t.spool->scan());
  t.disk.drop(name_of(1));
  CHECK(t.lines() == "put:2");
  CHECK(t.spool->waiting("msul1") == 1);
}

TEST_CASE("a message quarantined because of the answer is durable in the quarantine with the next commit") {
  SpoolHarness t;
  t.leave(1);
  CHECK(t.lines() == "put:1");
  CHECK_FALSE(t.spool->set_aside("msul1", "the answer was refused"));
  CHECK(t.reason_of(name_of(1)) == "the answer was refused");
  CHECK(t.spool->has_uncommitted());
  CHECK(t.disk.durable_names().size() == 1);
  CHECK_FALSE(t.spool->commit());
  CHECK_FALSE(t.spool->has_uncommitted());
  CHECK(t.disk.durable_names().empty());
}

TEST_CASE("half a listing of the directory is not used") {
  SpoolHarness t;
  for (int i = 1; i <= 4; ++i) t.leave(i);
  CHECK_FALSE(t.spool->recover());
  t.disk.fail(t.disk.operations() + 1);
  CHECK(t.spool->scan());
  t.leave(5);
  t.spool->appeared(name_of(5));
  t.disk.fail(t.disk.operations() + 1);
  const DelayedBatch batch = t.hand_out();
  CHECK(batch.messages.empty());
  CHECK(batch.is_held_up);
  CHECK(t.lines() == "put:1 put:2 put:3 put:4 put:5");
}

TEST_CASE("a new host gets its older messages first") {
  SpoolHarness t;
  t.leave(1, "msul3");
  CHECK(t.lines().empty());
  t.spool->set_hosts({"msul1", "msul3"});
  t.leave(2, "msul3");
  CHECK(*t.spool->appeared(name_of(2, "msul3")) == "msul3");
  CHECK(t.lines("msul3") == "put:1 put:2");
}

TEST_CASE("options apply from the next batch on") {
  SpoolHarness t;
  for (int i = 1; i <= 3; ++i) t.leave(i);
  t.spool->set_options({.line_limit = 100, .min_age = 2h, .batch = 2});
  CHECK(t.hand_out().retry_after == 1h);
  t.spool->set_options({.line_limit = 100, .batch = 2});
  CHECK(t.lines() == "put:1 put:2");
  t.spool->set_options({.line_limit = 100, .batch = 0});
  CHECK_FALSE(t.spool->answered("msul1", "S:msul1:put:1"));
  CHECK(t.disk.names().size() == 2);
  CHECK_FALSE(t.spool->answered("msul1", "S:msul1:put:2"));
  CHECK(t.lines() == "put:3");
}

TEST_CASE("a batch ends when it has become large, but has at least one message") {
  SpoolHarness t({.line_limit = 1'000'000});
  for (int i = 1; i <= 3; ++i) t.disk.leave(name_of(i), std::string(200'000, 'a') + "\n");
  t.disk.leave(name_of(4), std::string(1'000'000, 'a') + "\n");
  CHECK(t.hand_out().messages.size() == 2);
}

TEST_CASE("the amount read ahead is bounded over all hosts, and still each host gets a message") {
  SpoolHarness t({.line_limit = 300'000});
  std::vector<std::string> hosts;
  for (int i = 0; i != 400; ++i) hosts.push_back("h" + std::to_string(i));
  t.start(hosts);
  for (const std::string& host : hosts) {
    for (int i = 1; i <= 3; ++i) t.disk.leave(name_of(i, host), std::string(130'000, 'a') + "\n");
  }
  const auto count = [&] {
    std::size_t messages = 0;
    for (const DelayedBatch& batch : t.spool->hand_out(hosts)) {
      CHECK_FALSE(batch.messages.empty());
      messages += batch.messages.size();
    }
    return messages;
  };
  // Three each until 64 MiB are reached, then one each.
  const std::size_t first = count();
  CHECK(first == 173 * 3 + 227);
  for (const std::string& host : hosts) t.spool->returned(host, false);
  CHECK(count() == first);
}

TEST_CASE("the amount answered and not committed is also bounded in bytes") {
  SpoolHarness t({.line_limit = 300'000, .batch = 1000});
  std::vector<std::string> hosts;
  for (int i = 0; i != 40; ++i) hosts.push_back("h" + std::to_string(i));
  t.start(hosts);
  const std::string line(200'000, 'a');
  for (const std::string& host : hosts) t.disk.leave(name_of(1, host), line + "\n");
  t.spool->hand_out(hosts);
  const std::size_t before = t.disk.count_of("sync_log");
  // The limit of 4 MiB is reached at the 21st.
  for (std::size_t i = 0; i != hosts.size(); ++i) {
    CHECK_FALSE(t.spool->answered(hosts[i], "S:" + line));
    CHECK(t.disk.count_of("sync_log") == before + (i < 20 ? 0 : 1));
  }
  CHECK(t.disk.durable_names().size() == 19);
}

TEST_CASE("without changes there is no disk operation") {
  SpoolHarness t;
  CHECK(t.lines().empty());
  const std::size_t before = t.disk.operations();
  CHECK(t.lines().empty());
  CHECK_FALSE(t.spool->commit());
  CHECK(t.disk.operations() == before);
}

TEST_CASE("of a hundred thousand messages the oldest are sent first, in their order") {
  SpoolHarness t;
  const int count = 100'000;
  for (int i = 0; i != count; ++i) t.leave(1'000'000 + (i * 7919) % count);
  int next = 1'000'000;
  std::size_t longest_journal = 0;
  for (int round = 0; round != 320; ++round) {
    const DelayedBatch batch = t.hand_out();
    REQUIRE(batch.messages.size() == 32);
    REQUIRE(batch.waiting == static_cast<std::size_t>(1'000'000 + count - next));
    longest_journal = std::max(longest_journal, t.disk.journal().size());
    for (const DelayedMessage& message : batch.messages) {
      REQUIRE(message.line == "put:" + std::to_string(next));
      ++next;
      REQUIRE_FALSE(t.spool->answered("msul1", "S"));
    }
  }
  CHECK(longest_journal < 300'000);
  CHECK(t.disk.count_of("list") == 1);
  CHECK(t.disk.count_of("sync_log") == 319);
  CHECK(t.disk.count_of("sync_directory") == 320);  // once by recover()
}

TEST_CASE("a backlog of many hosts is found with one listing of the directory") {
  SpoolHarness t;
  std::vector<std::string> hosts;
  for (int i = 0; i != 2500; ++i) hosts.push_back("h" + std::to_string(i));
  t.start(hosts);
  for (const std::string& host : hosts) {
    for (int i = 1; i <= 33; ++i) t.leave(i, host);
  }
  std::size_t messages = 0;
  for (const DelayedBatch& batch : t.spool->hand_out(hosts)) messages += batch.messages.size();
  CHECK(messages == 2500 * 32);
  CHECK(t.disk.count_of("list") == 1);
}

TEST_CASE("the answers of many hosts share a sync, and of fewer hosts if the journal is small") {
  SpoolHarness t;
  const bool is_small = GENERATE(false, true);
  const std::size_t count = 200;
  if (is_small) t.disk.capacity = 2 * 16 * 1024;
  std::vector<std::string> hosts;
  for (std::size_t i = 0; i != count; ++i) hosts.push_back("h" + std::to_string(i));
  t.start(hosts);
  CHECK_FALSE(t.spool->recover());
  t.disk.capacity.reset();
  for (const std::string& host : hosts) {
    for (int i = 1; i <= 3; ++i) t.leave(i, host);
  }
  if (is_small) t.disk.capacity = 0;
  std::size_t handed_out = 0;
  for (const DelayedBatch& batch : t.spool->hand_out(hosts)) handed_out += batch.messages.size();
  const std::size_t before = t.disk.count_of("sync_log");
  for (int round = 0; round != 2; ++round) {
    for (std::size_t i = 0; i != handed_out / 3; ++i) CHECK_FALSE(t.spool->answered(hosts[i], "S:put"));
  }
  const std::size_t syncs = t.disk.count_of("sync_log") - before;
  if (!is_small) {
    CHECK(handed_out == 3 * count);
    CHECK(syncs == 2);
  } else {
    CHECK(handed_out < 3 * count);
    CHECK(syncs == 2 * (handed_out / 3) / 64);
  }
  CHECK(t.spool->trouble().text().empty());
  CHECK(t.spool->possible_duplicates().names().empty());
  // With few active hosts a batch is as small as before.
  for (const std::string& host : hosts) t.spool->returned(host, false);
  t.disk.capacity.reset();
  for (const char* const host : {"h0", "h199"}) {
    for (int i = 4; i != 40; ++i) {
      t.leave(i, host);
      t.spool->appeared(name_of(i, host));
    }
  }
  CHECK_FALSE(t.spool->commit());
  CHECK(t.spool->hand_out({"h0", "h199"}).front().messages.size() == 32);
  const std::size_t again = t.disk.count_of("sync_log");
  for (int i = 0; i != 31; ++i) CHECK_FALSE(t.spool->answered("h0", "S:put"));
  CHECK(t.disk.count_of("sync_log") == again);
  CHECK_FALSE(t.spool->answered("h199", "S:put"));
  CHECK(t.disk.count_of("sync_log") == again + 1);
}

TEST_CASE("messages of the same second are handed out in the order in which their files were changed") {
  SpoolHarness t;
  const std::vector<std::pair<std::string, std::uint64_t>> files{
      {"1.1.9.put.msul1", 30}, {"1.2.5.put.msul1", 10}, {"1.put.msul1", 20}};
  for (const auto& [name, time] : files)
    t.disk.leave(name, ForgetfulDisk::File{.content = name + "\n", .changed_at = time});
  t.leave(2);
  CHECK(t.lines() == "1.2.5.put.msul1 1.put.msul1 1.1.9.put.msul1 put:2");
  // When they are returned, they are in that order again, together with a new one.
  t.spool->returned("msul1", false);
  t.disk.leave("1.1.1.new.msul1", ForgetfulDisk::File{.content = "new\n", .changed_at = 15});
  t.spool->appeared("1.1.1.new.msul1");
  CHECK(t.lines() == "1.2.5.put.msul1 new 1.put.msul1 1.1.9.put.msul1 put:2");
}

TEST_CASE("nothing is handed out while it is unknown which message is the oldest") {
  SpoolHarness t;
  for (const char* const name : {"1.1.1.a.msul1", "1.1.1.b.msul1"}) t.disk.leave(name, "put:1\n");
  CHECK_FALSE(t.spool->recheck());
  t.disk.fail(t.disk.operations() + 1);
  const DelayedBatch batch = t.hand_out();
  CHECK(batch.messages.empty());
  CHECK(batch.waiting == 2);
  CHECK(batch.retry_after > 0s);
  CHECK(t.spool->trouble().text().starts_with("a message cannot be examined"));
  CHECK(t.lines() == "put:1 put:1");
}

TEST_CASE("an unknown boot id is reported once, since messages may then be sent twice") {
  SpoolHarness t;
  CHECK_FALSE(t.spool->recover());
  CHECK(t.logs.empty());
  t.disk.is_boot_known = false;
  t.start({"msul1"});
  for (int i = 0; i != 2; ++i) CHECK_FALSE(t.spool->recover());
  CHECK(t.count_logs("WARNING : The boot id") == 1);
}

}  // namespace lonc::core::test
