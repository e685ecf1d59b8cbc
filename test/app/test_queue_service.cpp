#include "app/scratch_dir.hpp"
#include "support/catch.hpp"

#include <lonc/app/queue_service.hpp>
#include <lonc/core/sending_journal.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

using namespace lonc;
using app::QueueAction;
using app::QueueAnswer;
using app::QueueRequest;
using lonc::test::ScratchDir;
using Strings = std::vector<std::string>;

namespace {

struct QueueFixture {
  QueueFixture() {
    directory.make_directory("delayed");
    REQUIRE_FALSE(disk.open());
    place.log = [this](core::Severity, std::string_view host, std::string_view text) {
      log.push_back(std::string(host) + ": " + std::string(text));
    };
  }

  QueueAnswer run(const QueueRequest& request) { return app::work_on_queue(place, request); }

  void leave(const std::string& name, std::string_view content = "log:x\n") {
    directory.write("delayed/" + name, content);
  }

  bool has(const std::string& name) const { return std::filesystem::exists(directory / ("delayed/" + name)); }

  // The spool at work: msul1 has been handed out what waits for it.
  core::Spool& hand_out() {
    spool.emplace(disk, core::SpoolOptions{.min_age = {}}, [](auto&&...) {});
    spool->set_hosts({"msul1", "msul2"});
    REQUIRE_FALSE(spool->recover());
    REQUIRE_FALSE(spool->scan());
    spool->hand_out({"msul1"});
    place.spool = &*spool;
    return *spool;
  }

  ScratchDir directory;
  net::FileSpoolDisk disk{directory / "delayed", directory / "lonnet.perm.log"};
  std::optional<core::Spool> spool;
  app::QueuePlace place{.disk = disk, .hosts = {"msul1", "msul2", "s1.msu"}};
  Strings log;
};

Strings names_of(const QueueAnswer& answer) {
  Strings names;
  for (const app::QueuedMessage& message : answer.messages) names.push_back(message.name);
  return names;
}

}  // namespace

TEST_CASE_METHOD(QueueFixture, "a list goes by time stamp and then by name, is bounded, and tells how many there are") {
  leave("10.1.1.log.msul1");
  leave("9.2.1.log.msul2");
  leave("9.1.1.log.msul1");
  leave("9.10.1.put.s1.msu");
  leave("no message");
  CHECK(names_of(run({.is_all = true})) ==
        Strings{"9.1.1.log.msul1", "9.10.1.put.s1.msu", "9.2.1.log.msul2", "10.1.1.log.msul1"});
  const QueueAnswer some = run({.is_all = true, .limit = 2});
  CHECK(names_of(some) == Strings{"9.1.1.log.msul1", "9.10.1.put.s1.msu"});
  CHECK(some.total == 4);
  CHECK(names_of(run({.peer = "s1.msu"})) == Strings{"9.10.1.put.s1.msu"});
  CHECK(run({.peer = "msu"}).total == 0);
}

TEST_CASE_METHOD(QueueFixture, "of a message its command word is told and nothing else of its content") {
  leave("1.1.1.x.msul1", "encrypt:changepw:SECRET:SECRET\n");
  place.attempts["1.1.1.x.msul1"] = 3;
  const QueueAnswer answer = run({.action = QueueAction::show, .names = {"1.1.1.x.msul1"}});
  REQUIRE(answer.messages.size() == 1);
  const app::QueuedMessage& message = answer.messages[0];
  CHECK(message.command == "changepw");
  CHECK(message.is_encrypted);
  CHECK(message.attempts == 3);
  CHECK(message.size == 31);
  CHECK(message.peer == "msul1");
  CHECK(message.fault == "");
  CHECK(app::to_json(answer).find("SECRET") == std::string::npos);
}

TEST_CASE_METHOD(QueueFixture, "whether it could be sent as it is") {
  leave("1.1.1.a.msul1", "a\nb\n");
  leave("1.1.1.b.nobody1");
  std::filesystem::create_directory(directory / "delayed/1.1.1.c.msul1");
  leave("1.1.1.d.msul1", "");
  const auto answer = run(
      {.action = QueueAction::show, .names = {"1.1.1.a.msul1", "1.1.1.b.nobody1", "1.1.1.c.msul1", "1.1.1.d.msul1"}});
  Strings faults;
  for (const auto& message : answer.messages) faults.push_back(message.fault.value_or("none"));
  CHECK(faults == Strings{"it holds several lines", "its host is not in hosts.tab", "it is not a file", "it is empty"});
}

TEST_CASE_METHOD(QueueFixture, "what is handed out is neither held nor dropped, the rest is") {
  leave("1.1.1.log.msul1");
  leave("2.1.1.log.msul2");
  hand_out();
  CHECK(run({.is_all = true}).messages[0].state == "sending");
  const auto action = GENERATE(QueueAction::hold, QueueAction::drop);
  const QueueAnswer answer = run({.action = action, .is_all = true});
  CHECK(answer.total == 2);
  CHECK(answer.done == 1);
  REQUIRE(answer.problems.size() == 1);
  CHECK(answer.problems[0].name == "1.1.1.log.msul1");
  CHECK(has("1.1.1.log.msul1"));
  CHECK_FALSE(has("2.1.1.log.msul2"));
  CHECK(spool->waiting("msul2") == 0);
  CHECK(spool->waiting("msul1") == 1);
}

TEST_CASE_METHOD(QueueFixture, "what was given back can be held, and is handed out when it is released") {
  leave("1.1.1.log.msul1");
  core::Spool& at_work = hand_out();
  at_work.returned("msul1", false);
  CHECK(run({.action = QueueAction::hold, .peer = "msul1"}).done == 1);
  CHECK(at_work.hand_out({"msul1"})[0].messages.empty());
  CHECK(log == Strings{"msul1: Delayed message 1.1.1.log.msul1 (log) was held by an administrator"});
  CHECK(run({.is_all = true, .in_quarantine = true}).messages[0].reason == "held by an administrator");
  CHECK(run({.action = QueueAction::release, .names = {"1.1.1.log.msul1"}}).done == 1);
  CHECK(at_work.hand_out({"msul1"})[0].messages.size() == 1);
}

TEST_CASE_METHOD(QueueFixture, "without a daemon, what its journal leaves open is left to its next start") {
  leave("1.1.1.log.msul1");
  leave("2.1.1.log.msul1");
  leave("3.1.1.log.msul1");
  struct stat info{};
  REQUIRE(::stat((directory / "delayed/1.1.1.log.msul1").c_str(), &info) == 0);
  using Kind = core::SendingRecord::Kind;
  std::string journal = core::JournalHalf("boot", 1,
                                          {{Kind::planned, info.st_ino, "msul1", "1.1.1.log.msul1"},
                                           {Kind::planned, 1, "msul1", "2.1.1.log.msul1"}})  // another file
                            .text();
  journal.resize(8192);
  directory.write("delayed/.sending", journal);
  const QueueAnswer answer = run({.action = QueueAction::drop, .is_all = true});
  CHECK(answer.done == 2);
  CHECK(has("1.1.1.log.msul1"));
  CHECK_FALSE(has("2.1.1.log.msul1"));
  CHECK(lonc::test::read_file(directory / "delayed/.sending") == journal);
}

TEST_CASE_METHOD(QueueFixture, "no name reaches beyond the messages") {
  directory.write("1.2.3.log.msul1", "x");
  leave(".hidden");
  leave("README");
  const Strings names{"../1.2.3.log.msul1", ".hidden", ".lock", "README", ".", "..", "quarantine", "/etc/passwd"};
  const auto action = GENERATE(QueueAction::hold, QueueAction::drop, QueueAction::show, QueueAction::release);
  const QueueAnswer answer = run({.action = action, .names = names});
  CHECK(answer.done == 0);
  CHECK(answer.messages.empty());
  CHECK(answer.problems.size() == names.size());
  CHECK(has("README"));
  CHECK(lonc::test::read_file(directory / "1.2.3.log.msul1") == "x");
}

TEST_CASE_METHOD(QueueFixture, "in the quarantine two of one name are told apart") {
  for (int i = 0; i != 2; ++i) {
    leave("1.1.1.log.msul1");
    CHECK(run({.action = QueueAction::hold, .is_all = true}).done == 1);
  }
  CHECK(names_of(run({.peer = "msul1", .in_quarantine = true})).size() == 2);
  CHECK(run({.action = QueueAction::release, .names = {"1.1.1.log.msul1~1"}}).done == 1);
  CHECK(has("1.1.1.log.msul1"));
  const QueueAnswer again = run({.action = QueueAction::release, .is_all = true});
  CHECK(again.done == 0);
  REQUIRE(again.problems.size() == 1);
  CHECK(again.problems[0].text == "one of its name waits already");
  CHECK(run({.action = QueueAction::drop, .is_all = true, .in_quarantine = true}).done == 1);
  CHECK(std::filesystem::is_empty(directory / "delayed/quarantine"));
}

TEST_CASE_METHOD(QueueFixture, "a call acts on so many as its limit says, and tells how many there were") {
  for (int i = 0; i != 5; ++i) leave(std::to_string(i) + ".1.1.log.msul1");
  const QueueAnswer answer = run({.action = QueueAction::drop, .is_all = true, .limit = 2});
  CHECK(answer.done == 2);
  CHECK(answer.total == 5);
  CHECK(names_of(run({.is_all = true})) == Strings{"2.1.1.log.msul1", "3.1.1.log.msul1", "4.1.1.log.msul1"});
}
