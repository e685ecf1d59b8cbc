#include "support/catch.hpp"

#include <lonc/core/sending_journal.hpp>

#include <string>
#include <vector>

namespace lonc::core::test {

namespace {

using Kind = SendingRecord::Kind;

const std::string header = "lonc-sending-1\tboot\n";

// The records of a text, or what is open at its end: "P a, L b".
std::string show(const std::vector<SendingRecord>& records) {
  std::string all;
  for (const SendingRecord& record : records)
    all += (all.empty() ? "" : ", ") + std::string(1, static_cast<char>(record.kind)) + " " + record.name;
  return all;
}
std::string records(const std::string& text) { return show(parse_journal(text).records); }
std::string open(const std::string& text) { return show(open_records(parse_journal(header + text))); }

}  // namespace

TEST_CASE("the journal of sending is read as it was written") {
  const std::string line = to_journal_line({Kind::planned, 4711, "a.b-c", "1.2.3.put x.a.b-c"});
  CHECK(line == "P\t4711\ta.b-c\t1.2.3.put x.a.b-c\n");
  CHECK(journal_header("boot") == header);
  const SendingJournal journal = parse_journal(header + line);
  CHECK(journal.boot_id == "boot");
  REQUIRE(journal.records.size() == 1);
  CHECK(journal.records[0].kind == Kind::planned);
  CHECK(journal.records[0].inode == 4711);
  CHECK(journal.records[0].host_id == "a.b-c");
  CHECK(journal.records[0].name == "1.2.3.put x.a.b-c");
  for (const Kind kind : {Kind::unclear, Kind::answered, Kind::logged, Kind::returned})
    CHECK(records(to_journal_line({kind, 0, "h", "n"})) == std::string(1, static_cast<char>(kind)) + " n");
}

TEST_CASE("a torn journal is read as far as it is whole") {
  const std::string text = header + "P\t1\th\ta\nA\t1\th\ta\n";
  for (std::size_t size = 0; size != text.size(); ++size) {
    const SendingJournal journal = parse_journal(text.substr(0, size));
    CHECK(journal.boot_id == (size < header.size() ? "" : "boot"));
    CHECK(show(journal.records) == (size < header.size() + 8 ? "" : "P a"));
  }
  CHECK(records(text) == "P a, A a");
  // A hole spoils one line, a blank line nothing.
  CHECK(records(header + "P\t1\th\ta\n" + std::string(9, '\0') + "P\t2\th\tb\nP\t3\th\tc\n") == "P a, P c");
  CHECK(records(header + "P\t1\th\ta\n" + std::string(9, '\0') + "\nP\t2\th\tb\n\n\nP\t3\th\tc\n") == "P a, P b, P c");
}

TEST_CASE("lines of a journal that are no record are passed over") {
  for (const char* line : {"", "P", "P\t1", "P\t1\th", "P\t1\th\t", "P\t1\t\ta", "P\t\th\ta", "P\tx\th\ta",
                           "P\t1x\th\ta", "P\t-1\th\ta", "P\t18446744073709551616\th\ta", "X\t1\th\ta", "PP\t1\th\ta",
                           "\t1\th\ta", "P\t1\th\ta\tb", " P\t1\th\ta", "lonc-sending-1\tother"}) {
    INFO(line);
    CHECK(records(header + line + "\nP\t2\th\tb\n") == "P b");
    CHECK(parse_journal(header + line + "\n").boot_id == "boot");
  }
  CHECK(parse_journal("lonc-sending-2\tboot\nP\t1\th\ta\n").boot_id.empty());
  CHECK(parse_journal("lonc-sending-1boot\n").boot_id.empty());
  CHECK(records("P\t1\th\ta\n") == "P a");
}

TEST_CASE("no name of a journal leads out of the directory, or to a file of lonc's own") {
  for (const char* name :
       {"../1.2.3.put.h", "/etc/passwd", "quarantine/1.2.3.put.h", ".", "..", ".lock", "1.2.3.put.h/"})
    CHECK(records(header + "A\t1\th\t" + name + "\nP\t2\th\tb\n") == "P b");
}

TEST_CASE("what is open in a journal is the last that was said of each message") {
  CHECK(open("").empty());
  CHECK(open("P\t1\th\tb\nP\t2\th\ta\n") == "P b, P a");
  CHECK(open("P\t1\th\tb\nP\t2\th\ta\nA\t1\th\tb\n") == "A b, P a");
  CHECK(open("P\t1\th\tb\nA\t1\th\tb\nL\t1\th\tb\n") == "L b");
  CHECK(open("P\t1\th\ta\nP\t2\th\tb\nR\t1\th\ta\n") == "P b");
  CHECK(open("R\t1\th\ta\nA\t2\th\tb\n") == "A b");
}

TEST_CASE("a message that is handed out again has its new place, and stays unclear") {
  CHECK(open("P\t1\th\ta\nP\t2\th\tb\nR\t1\th\ta\nR\t2\th\tb\nP\t3\th\tc\nP\t1\th\ta\n") == "P c, P a");
  CHECK(open("P\t1\th\ta\nP\t2\th\tb\nP\t3\th\tc\nP\t1\th\ta\n") == "P b, P c, P a");
  CHECK(open("P\t1\th\ta\nU\t1\th\ta\nP\t3\th\tc\nP\t1\th\ta\n") == "P c, U a");
  CHECK(open("P\t1\th\ta\nU\t1\th\ta\nP\t1\th\ta\nA\t1\th\ta\n") == "A a");
  CHECK(open("U\t1\th\ta\nR\t1\th\ta\nP\t1\th\ta\n") == "P a");
}

}  // namespace lonc::core::test
