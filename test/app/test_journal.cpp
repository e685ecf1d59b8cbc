#include "support/catch.hpp"
#include "support/journal_reader.hpp"
#include "support/temp_dir.hpp"

#include <lonc/app/journal.hpp>
#include <lonc/net/unique_fd.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

using lonc::app::journal_fields;
using lonc::app::JournalSocket;
using lonc::app::leads_to_journal;
using lonc::app::LogLine;
using lonc::core::Severity;
using lonc::test::JournalReader;
using lonc::test::TempDir;
using Fields = std::vector<std::string>;

TEST_CASE("a line about a request of a peer has fields of its own") {
  LogLine line;
  line.severity = Severity::warning;
  line.server = "msul3";
  line.status = "Away: Connection refused";
  line.command = "put";
  line.message = "Delayed put failed";
  CHECK(journal_fields(line) == Fields{"MESSAGE=Delayed put failed", "PRIORITY=4", "SYSLOG_IDENTIFIER=lonc",
                                       "STATE=Away: Connection refused", "PEER=msul3", "COMMAND=put"});
}

TEST_CASE("the daemon's own line is about no peer and no command") {
  LogLine line;
  line.severity = Severity::notice;
  line.server = "PARENT";
  line.status = "Running";
  line.message = "Shutting down";
  CHECK(journal_fields(line) ==
        Fields{"MESSAGE=Shutting down", "PRIORITY=6", "SYSLOG_IDENTIFIER=lonc", "STATE=Running"});
}

TEST_CASE("each severity has a priority, and a line end begins no second field") {
  LogLine line;
  line.server = "a";
  line.message = "x\nPEER=b";
  const auto [severity, priority] = GENERATE(table<Severity, std::string>({{Severity::debug, "7"},
                                                                           {Severity::notice, "6"},
                                                                           {Severity::info, "5"},
                                                                           {Severity::warning, "4"},
                                                                           {Severity::critical, "2"}}));
  line.severity = severity;
  const Fields fields = journal_fields(line);
  CHECK(fields[0] == "MESSAGE=x PEER=b");
  CHECK(fields[1] == "PRIORITY=" + priority);
}

TEST_CASE("standard error leads to the journal if it is the stream that systemd has named") {
  const TempDir dir;
  const lonc::net::UniqueFd stream{::open((dir / "stream").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)};
  struct stat info{};
  REQUIRE(::fstat(stream.get(), &info) == 0);
  const std::string named = std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  CHECK(leads_to_journal(stream.get(), named.c_str()));
  CHECK_FALSE(leads_to_journal(stream.get(), nullptr));
  CHECK_FALSE(leads_to_journal(stream.get(), "0:0"));
  CHECK_FALSE(leads_to_journal(-1, named.c_str()));
}

namespace {

LogLine saying(std::string_view message) {
  LogLine line;
  line.severity = Severity::notice;
  line.server = "PARENT";
  line.status = "Running";
  line.message = message;
  return line;
}

std::string datagram(const std::string& message) {
  return "MESSAGE=" + message + "\nPRIORITY=6\nSYSLOG_IDENTIFIER=lonc\nSTATE=Running\n";
}

}  // namespace

TEST_CASE("a line is one datagram of the journal's native protocol, also after a restart of the journal") {
  JournalReader journal;
  JournalSocket socket{journal.path()};
  CHECK_FALSE(socket.send(saying("one")));
  CHECK(journal.read() == Fields{datagram("one")});
  journal.restart();
  CHECK_FALSE(socket.send(saying("two")));
  CHECK(journal.read() == Fields{datagram("two")});
}

TEST_CASE("a journal that does not read makes nobody wait for long") {
  JournalReader journal;
  JournalSocket socket{journal.path()};
  std::size_t sent = 0;
  while (!socket.send(saying("early"))) REQUIRE(++sent < 100'000);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i != 1000; ++i) REQUIRE(socket.send(saying("late")) == std::errc::resource_unavailable_try_again);
  CHECK(std::chrono::steady_clock::now() - begin < 1000 * JournalSocket::patience / 10);
  CHECK(journal.read().size() == sent);
  CHECK_FALSE(socket.send(saying("again")));
  CHECK(journal.read() == Fields{datagram("again")});
}

TEST_CASE("where there is no journal a line is lost with an error") {
  const TempDir dir;
  JournalSocket socket{dir / "nothing"};
  CHECK(socket.send(saying("x")) == std::errc::no_such_file_or_directory);
}
