#include "support/catch.hpp"
#include "support/journal_reader.hpp"
#include "support/temp_dir.hpp"

#include <lonc/node/log/log_line.hpp>
#include <lonc/os/unique_fd.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <string>

using lonc::core::Severity;
using lonc::node::append_log_line;
using lonc::node::journal_fields;
using lonc::node::JournalSocket;
using lonc::node::leads_to_journal;
using lonc::node::LogLine;
using lonc::test::JournalReader;
using lonc::test::TempDir;
using std::chrono::system_clock;
using Fields = std::vector<std::string>;

namespace {

LogLine line_of(Severity severity, std::string_view message) {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  return {system_clock::from_time_t(1015559779),
          4711,
          severity,
          "msul1",
          "Connected",
          system_clock::from_time_t(1015559700),
          std::string(message)};
}

std::string text_of(const LogLine& line) {
  std::string out;
  append_log_line(out, line);
  return out;
}

const std::string prefix = "Fri Mar  8 03:56:19 2002 (4711) [msul1] [Fri Mar  8 03:55:00 2002: Connected]: ";

LogLine saying(std::string_view message) {
  LogLine line;
  line.severity = Severity::routine;
  line.server = "PARENT";
  line.status = "Running";
  line.message = message;
  return line;
}

std::string datagram(const std::string& message) {
  return "MESSAGE=" + message + "\nPRIORITY=6\nSYSLOG_IDENTIFIER=lonc\nSTATE=Running\n";
}

}  // namespace

TEST_CASE("a log line has the classic format") {
  CHECK(text_of(line_of(Severity::routine, "Connection opened")) == prefix + "Connection opened\n");
}

TEST_CASE("only info, warning and critical lines contain the words that loncron counts") {
  CHECK(text_of(line_of(Severity::debug, "x")) == prefix + "x\n");
  CHECK(text_of(line_of(Severity::routine, "x")) == prefix + "x\n");
  CHECK(text_of(line_of(Severity::info, "x")) == prefix + "INFO: x\n");
  CHECK(text_of(line_of(Severity::warning, "x")) == prefix + "WARNING: x\n");
  CHECK(text_of(line_of(Severity::critical, "x")) == prefix + "CRITICAL: x\n");
}

TEST_CASE("nothing in a log line can look like a second line") {
  LogLine line = line_of(Severity::routine, "a\nFri forged\r\tb\x7f");
  line.server = "ms\nul1";
  line.status = "Conn\nected";
  CHECK(text_of(line) ==
        "Fri Mar  8 03:56:19 2002 (4711) [ms ul1] [Fri Mar  8 03:55:00 2002: Conn ected]: a Fri forged  b \n");
}

TEST_CASE("a log line is appended to the existing text") {
  std::string out = "before|";
  append_log_line(out, line_of(Severity::routine, "x"));
  CHECK(out == "before|" + prefix + "x\n");
}

TEST_CASE("a line about a request of a peer has its own fields") {
  LogLine line;
  line.severity = Severity::warning;
  line.server = "msul3";
  line.status = "Away: Connection refused";
  line.command = "put";
  line.message = "Delayed put failed";
  CHECK(journal_fields(line) == Fields{"MESSAGE=Delayed put failed", "PRIORITY=4", "SYSLOG_IDENTIFIER=lonc",
                                       "STATE=Away: Connection refused", "PEER=msul3", "COMMAND=put"});
}

TEST_CASE("a line of the daemon itself has no peer and no command") {
  LogLine line;
  line.severity = Severity::routine;
  line.server = "PARENT";
  line.status = "Running";
  line.message = "Shutting down";
  CHECK(journal_fields(line) ==
        Fields{"MESSAGE=Shutting down", "PRIORITY=6", "SYSLOG_IDENTIFIER=lonc", "STATE=Running"});
}

TEST_CASE("each severity has a priority, and a line end does not begin a second field") {
  LogLine line;
  line.server = "a";
  line.message = "x\nPEER=b";
  const auto [severity, priority] = GENERATE(table<Severity, std::string>({{Severity::debug, "7"},
                                                                           {Severity::routine, "6"},
                                                                           {Severity::info, "5"},
                                                                           {Severity::warning, "4"},
                                                                           {Severity::critical, "2"}}));
  line.severity = severity;
  const Fields fields = journal_fields(line);
  CHECK(fields[0] == "MESSAGE=x PEER=b");
  CHECK(fields[1] == "PRIORITY=" + priority);
}

TEST_CASE("standard error leads to the journal if it is the stream named by systemd") {
  const TempDir dir;
  const lonc::os::UniqueFd stream{::open((dir / "stream").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)};
  struct stat info{};
  REQUIRE(::fstat(stream.get(), &info) == 0);
  const std::string named = std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  CHECK(leads_to_journal(stream.get(), named.c_str()));
  CHECK_FALSE(leads_to_journal(stream.get(), nullptr));
  CHECK_FALSE(leads_to_journal(stream.get(), "0:0"));
  CHECK_FALSE(leads_to_journal(-1, named.c_str()));
}

TEST_CASE("a line is one datagram of the journal's native protocol, also after a restart of the journal") {
  JournalReader journal;
  JournalSocket socket{journal.path()};
  CHECK_FALSE(socket.send(saying("one")));
  CHECK(journal.read() == Fields{datagram("one")});
  journal.restart();
  CHECK_FALSE(socket.send(saying("two")));
  CHECK(journal.read() == Fields{datagram("two")});
}

TEST_CASE("a journal that does not read does not block the sender for long") {
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

TEST_CASE("without a journal a line is lost with an error") {
  const TempDir dir;
  JournalSocket socket{dir / "nothing"};
  CHECK(socket.send(saying("x")) == std::errc::no_such_file_or_directory);
}
