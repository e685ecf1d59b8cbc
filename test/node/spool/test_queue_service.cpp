#include "support/catch.hpp"
#include "support/scratch_dir.hpp"

#include <lonc/core/spool/delayed_message.hpp>
#include <lonc/core/spool/spool_journal.hpp>
#include <lonc/node/spool/queue_service.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

using namespace lonc;
using lonc::test::ScratchDir;
using node::QueueAction;
using node::QueueAnswer;
using node::QueueRequest;
using node::write_delayed_message;
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

  QueueAnswer run(const QueueRequest& request) { return node::work_on_queue(place, request); }

  void leave(const std::string& name, std::string_view content = "log:x\n") {
    directory.write("delayed/" + name, content);
  }

  bool has(const std::string& name) const { return std::filesystem::exists(directory / ("delayed/" + name)); }

  // The spool at work: the waiting messages of msul1 have been handed out.
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
  node::QueuePlace place{.disk = disk, .hosts = {"msul1", "msul2", "s1.msu"}};
  Strings log;
};

Strings names_of(const QueueAnswer& answer) {
  Strings names;
  for (const node::QueuedMessage& message : answer.messages) names.push_back(message.name);
  return names;
}

}  // namespace

TEST_CASE_METHOD(QueueFixture, "a list is in the order of delivery: timestamp, time of the last change, name") {
  const auto leave_at = [this](const std::string& name, long changed_at) {
    leave(name);
    const timespec times[2] = {{.tv_sec = changed_at, .tv_nsec = 0}, {.tv_sec = changed_at, .tv_nsec = 0}};
    REQUIRE(::utimensat(AT_FDCWD, (directory / ("delayed/" + name)).c_str(), times, 0) == 0);
  };
  leave_at("9.1.1.log.msul1", 1'700'000'030);
  leave_at("9.2.1.log.msul1", 1'700'000'010);
  leave_at("9.3.1.log.msul1", 1'700'000'020);
  leave_at("9.0.1.log.msul1", 1'700'000'020);
  leave_at("8.1.1.log.msul1", 1'700'000'040);
  const Strings all{"8.1.1.log.msul1", "9.2.1.log.msul1", "9.0.1.log.msul1", "9.3.1.log.msul1", "9.1.1.log.msul1"};
  CHECK(names_of(run({.is_all = true})) == all);
  for (std::size_t limit = 0; limit != all.size(); ++limit) {
    const QueueAnswer some = run({.is_all = true, .limit = limit});
    CHECK(names_of(some) == Strings(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(limit)));
    CHECK(some.total == all.size());
  }
}

TEST_CASE_METHOD(QueueFixture, "a list of several peers is limited, and contains the total number") {
  for (const char* const name : {"9.1.1.log.msul1", "9.10.1.put.s1.msu", "9.2.1.log.msul2", "10.1.1.log.msul1"}) {
    leave(name);
    const timespec times[2] = {};
    REQUIRE(::utimensat(AT_FDCWD, (directory / (std::string("delayed/") + name)).c_str(), times, 0) == 0);
  }
  leave("no message");
  CHECK(names_of(run({.is_all = true})) ==
        Strings{"9.1.1.log.msul1", "9.10.1.put.s1.msu", "9.2.1.log.msul2", "10.1.1.log.msul1"});
  const QueueAnswer some = run({.is_all = true, .limit = 2});
  CHECK(names_of(some) == Strings{"9.1.1.log.msul1", "9.10.1.put.s1.msu"});
  CHECK(some.total == 4);
  CHECK(names_of(run({.peer = "s1.msu"})) == Strings{"9.10.1.put.s1.msu"});
  CHECK(run({.peer = "msu"}).total == 0);
}

TEST_CASE_METHOD(QueueFixture, "of the content of a message only its command word is shown") {
  leave("1.1.1.x.msul1", "encrypt:changepw:SECRET:SECRET\n");
  place.attempts["1.1.1.x.msul1"] = 3;
  const QueueAnswer answer = run({.action = QueueAction::show, .names = {"1.1.1.x.msul1"}});
  REQUIRE(answer.messages.size() == 1);
  const node::QueuedMessage& message = answer.messages[0];
  CHECK(message.command == "changepw");
  CHECK(message.is_encrypted);
  CHECK(message.attempts == 3);
  CHECK(message.size == 31);
  CHECK(message.peer == "msul1");
  CHECK(message.fault == "");
  CHECK(node::to_json(answer).find("SECRET") == std::string::npos);
}

TEST_CASE_METHOD(QueueFixture, "a message is shown with the reason why it cannot be sent") {
  leave("1.1.1.a.msul1", "a\nb\n");
  leave("1.1.1.b.nobody1");
  std::filesystem::create_directory(directory / "delayed/1.1.1.c.msul1");
  leave("1.1.1.d.msul1", "");
  const auto answer = run(
      {.action = QueueAction::show, .names = {"1.1.1.a.msul1", "1.1.1.b.nobody1", "1.1.1.c.msul1", "1.1.1.d.msul1"}});
  Strings faults;
  for (const auto& message : answer.messages) faults.push_back(message.fault.value_or("none"));
  CHECK(faults ==
        Strings{"it contains several lines", "its host is not in hosts.tab", "it is not a file", "it is empty"});
}

TEST_CASE_METHOD(QueueFixture, "messages handed out are neither held nor dropped, the others are") {
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

TEST_CASE_METHOD(QueueFixture, "a returned message can be held, and is handed out when it is released") {
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

TEST_CASE_METHOD(QueueFixture, "without a daemon, messages with an open journal record are left to its next start") {
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

TEST_CASE_METHOD(QueueFixture, "no name leads to anything but messages") {
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

TEST_CASE_METHOD(QueueFixture, "two quarantined messages of the same name are distinguished") {
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
  CHECK(again.problems[0].text == "a message with its name already waits");
  CHECK(run({.action = QueueAction::drop, .is_all = true, .in_quarantine = true}).done == 1);
  CHECK(std::filesystem::is_empty(directory / "delayed/quarantine"));
}

TEST_CASE_METHOD(QueueFixture, "a call acts on as many messages as its limit allows, and reports the total") {
  for (int i = 0; i != 5; ++i) leave(std::to_string(i) + ".1.1.log.msul1");
  const QueueAnswer answer = run({.action = QueueAction::drop, .is_all = true, .limit = 2});
  CHECK(answer.done == 2);
  CHECK(answer.total == 5);
  CHECK(names_of(run({.is_all = true})) == Strings{"2.1.1.log.msul1", "3.1.1.log.msul1", "4.1.1.log.msul1"});
}

TEST_CASE("a message appears complete, with the name and the mode that lonnet.pm would have given it") {
  const ScratchDir directory;
  const mode_t mask = ::umask(022);
  const auto written = write_delayed_message(directory.path(), "s1.msu", "put:msu:korte:env:a=b");
  ::umask(mask);
  REQUIRE_FALSE(written.error);
  CHECK(directory.names() == std::set<std::string>{written.name});
  CHECK(lonc::test::read_file(directory / written.name) == "put:msu:korte:env:a=b\n");
  CHECK(written.name.ends_with(".putmsukorteen.s1.msu"));
  CHECK(lonc::core::parse_delayed_name(written.name, [](auto id) { return id == "s1.msu"; }));
  struct stat info{};
  REQUIRE(::stat((directory / written.name).c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0644);
}

TEST_CASE("several messages of one second have different names, and the times of their files keep their order") {
  const ScratchDir directory;
  auto last = std::filesystem::file_time_type::min();
  for (int i = 0; i != 20; ++i) {
    const auto written = write_delayed_message(directory.path(), "msul1", "log:x");
    REQUIRE_FALSE(written.error);
    CHECK(lonc::core::parse_delayed_name(written.name, [](auto) { return true; }));
    const auto time = std::filesystem::last_write_time(directory / written.name);
    CHECK(last <= time);
    last = time;
  }
  CHECK(directory.names().size() == 20);
}

TEST_CASE("a message that cannot be written leaves no file, and is reported") {
  const ScratchDir directory;
  CHECK(write_delayed_message(directory / "none", "msul1", "log:x").error == std::errc::no_such_file_or_directory);
  const auto too_long = write_delayed_message(directory.path(), std::string(300, 'x'), "log:x");
  CHECK(too_long.error == std::errc::filename_too_long);
  CHECK(too_long.name.empty());
  CHECK(directory.names().empty());
}
