#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <lonc/app/journal.hpp>
#include <lonc/net/unique_fd.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

using lonc::app::journal_fields;
using lonc::app::leads_to_journal;
using lonc::app::LogLine;
using lonc::core::Severity;
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
