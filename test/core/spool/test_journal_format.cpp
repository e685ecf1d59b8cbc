#include "support/catch.hpp"

#include <lonc/core/spool/spool_journal.hpp>

#include <string>
#include <vector>

namespace lonc::core::test {

namespace {

using Kind = SendingRecord::Kind;

// Of the previous version.
const std::string header = "lonc-sending-1\tboot\n";

const std::size_t room = 512;  // of a half

SendingRecord record(Kind kind, const std::string& name, unsigned attempts = 0) {
  return {.kind = kind, .inode = 4711, .host_id = "a.b-c", .name = name, .attempts = attempts};
}

// The records of a text, or those open at its end: "P a, L b".
std::string show(const std::vector<SendingRecord>& records) {
  std::string all;
  for (const SendingRecord& record : records)
    all += (all.empty() ? "" : ", ") + std::string(1, static_cast<char>(record.kind)) + " " + record.name;
  return all;
}
std::string records(const std::string& text) { return show(parse_journal(text).records); }
std::string open(const std::string& text) { return show(open_records(parse_journal(header + text))); }
std::string padded(std::string text) {
  text.resize(room);
  return text;
}

}  // namespace

TEST_CASE("the journal of sending is read as it was written") {
  JournalHalf half("boot", 7, {record(Kind::planned, "1.2.3.put x.a.b-c"), record(Kind::unclear, "b", 3)});
  const std::string text = half.text() + half.line(record(Kind::answered, "1.2.3.put x.a.b-c"));
  CHECK(text ==
        "lonc-sending-2\tboot\t7\t2\t0d6faeec4795e6d1\n"
        "P\t4711\t0\ta.b-c\t1.2.3.put x.a.b-c\t7c329d691b10e324\n"
        "U\t4711\t3\ta.b-c\tb\t075bba3b7ad859c0\n"
        "A\t4711\t0\ta.b-c\t1.2.3.put x.a.b-c\t73d358aeda00f765\n");
  const ParsedJournal journal = parse_journal(padded(text) + padded(""));
  CHECK(journal.boot_id == "boot");
  CHECK(journal.generation == 7);
  CHECK(journal.half == 0);
  REQUIRE(journal.records.size() == 3);
  CHECK(journal.records[0].inode == 4711);
  CHECK(journal.records[0].host_id == "a.b-c");
  CHECK(journal.records[0].name == "1.2.3.put x.a.b-c");
  CHECK(journal.records[1].attempts == 3);
  CHECK(show(journal.records) == "P 1.2.3.put x.a.b-c, U b, A 1.2.3.put x.a.b-c");
}

TEST_CASE("of the two halves of a journal the later one with a complete beginning counts") {
  const JournalHalf earlier("boot", 7, {record(Kind::planned, "a")});
  const JournalHalf later("boot", 8, {record(Kind::planned, "b"), record(Kind::planned, "c")});
  const std::string appended = later.line(record(Kind::answered, "b"));
  CHECK(records(padded(earlier.text()) + padded(later.text() + appended)) == "P b, P c, A b");
  CHECK(records(padded(later.text() + appended) + padded(earlier.text())) == "P b, P c, A b");
  CHECK(parse_journal(padded(earlier.text()) + padded(later.text())).half == 1);
  CHECK(parse_journal(padded(later.text()) + padded(earlier.text())).half == 0);
  // Any part of its beginning is missing, at the front or the back, over the remains of an earlier half.
  const std::string left_over =
      JournalHalf("boot", 6, {record(Kind::planned, "x"), record(Kind::planned, "y"), record(Kind::planned, "z")})
          .text();
  for (std::size_t cut = 1; cut != later.text().size(); ++cut) {
    for (const std::string& beneath : {padded(""), padded(left_over)}) {
      std::string front_only = beneath;
      front_only.replace(0, cut, later.text(), 0, cut);
      std::string back_only = beneath;
      back_only.replace(cut, later.text().size() - cut, later.text(), cut);
      CAPTURE(cut);
      if (front_only.starts_with(later.text())) continue;  // the missing part was the same
      REQUIRE(records(padded(earlier.text()) + front_only) == "P a");
      if (back_only.starts_with(later.text())) continue;
      REQUIRE(records(padded(earlier.text()) + back_only) == "P a");
      REQUIRE(parse_journal(back_only + padded(earlier.text())).half == 1);
    }
  }
  // An incomplete appended record is skipped.
  for (std::size_t cut = 0; cut != appended.size(); ++cut)
    REQUIRE(records(padded(earlier.text()) + padded(later.text() + appended.substr(0, cut))) == "P b, P c");
  CHECK(records(padded("") + padded("")).empty());
  CHECK(records("").empty());
}

TEST_CASE("a named message is unwritten until the log has written it") {
  const JournalHalf half("boot", 1, {record(Kind::named, "a"), record(Kind::planned, "a")});
  std::string text = half.text() + half.line(record(Kind::named, "b"));
  CHECK(show(unwritten_names(parse_journal(padded(text) + padded("")))) == "N a, N b");
  CHECK(show(open_records(parse_journal(padded(text) + padded("")))) == "P a");
  text += half.line(record(Kind::name_written, "a"));
  CHECK(show(unwritten_names(parse_journal(padded(text) + padded("")))) == "N b");
}

TEST_CASE("a failed message keeps its number of attempts when it is planned again") {
  const JournalHalf half("boot", 1, {record(Kind::unclear, "a", 2), record(Kind::planned, "a")});
  const auto open = open_records(parse_journal(padded(half.text()) + padded("")));
  REQUIRE(open.size() == 1);
  CHECK(open[0].kind == Kind::planned);
  CHECK(open[0].was_unclear);
  CHECK(open[0].attempts == 2);
}

TEST_CASE("a torn journal of the previous version is read as far as it is complete") {
  const std::string text = header + "P\t1\th\ta\nA\t1\th\ta\n";
  for (std::size_t size = header.size() - 5; size != text.size(); ++size) {
    const ParsedJournal journal = parse_journal(text.substr(0, size));
    CHECK(journal.boot_id == (size < header.size() ? "" : "boot"));
    CHECK(show(journal.records) == (size < header.size() + 8 ? "" : "P a"));
    CHECK(journal.generation == 0);
  }
  CHECK(records(text) == "P a, A a");
  // A hole spoils one line, a blank line none.
  CHECK(records(header + "P\t1\th\ta\n" + std::string(9, '\0') + "P\t2\th\tb\nP\t3\th\tc\n") == "P a, P c");
  CHECK(records(header + "P\t1\th\ta\n" + std::string(9, '\0') + "\nP\t2\th\tb\n\n\nP\t3\th\tc\n") == "P a, P b, P c");
}

TEST_CASE("lines of a journal that are not records are skipped") {
  for (const char* line : {"", "P", "P\t1", "P\t1\th", "P\t1\th\t", "P\t1\t\ta", "P\t\th\ta", "P\tx\th\ta",
                           "P\t1x\th\ta", "P\t-1\th\ta", "P\t18446744073709551616\th\ta", "X\t1\th\ta", "PP\t1\th\ta",
                           "\t1\th\ta", "P\t1\th\ta\tb", " P\t1\th\ta", "lonc-sending-1\tother"}) {
    INFO(line);
    CHECK(records(header + line + "\nP\t2\th\tb\n") == "P b");
    CHECK(parse_journal(header + line + "\n").boot_id == "boot");
  }
  CHECK(parse_journal("lonc-sending-2\tboot\nP\t1\th\ta\n").boot_id.empty());
  CHECK(parse_journal("lonc-sending-1boot\n").boot_id.empty());
}

TEST_CASE("no name in a journal leads out of the directory, or to one of lonc's own files") {
  for (const char* name :
       {"../1.2.3.put.h", "/etc/passwd", "quarantine/1.2.3.put.h", ".", "..", ".lock", "1.2.3.put.h/"})
    CHECK(records(header + "A\t1\th\t" + name + "\nP\t2\th\tb\n") == "P b");
}

TEST_CASE("the open records of a journal are the last ones of each message") {
  CHECK(open("").empty());
  CHECK(open("P\t1\th\tb\nP\t2\th\ta\n") == "P b, P a");
  CHECK(open("P\t1\th\tb\nP\t2\th\ta\nA\t1\th\tb\n") == "A b, P a");
  CHECK(open("P\t1\th\tb\nA\t1\th\tb\nL\t1\th\tb\n") == "L b");
  CHECK(open("P\t1\th\ta\nP\t2\th\tb\nR\t1\th\ta\n") == "P b");
  CHECK(open("R\t1\th\ta\nA\t2\th\tb\n") == "A b");
}

TEST_CASE("a message that is handed out again has its new position, and stays unclear") {
  CHECK(open("P\t1\th\ta\nP\t2\th\tb\nR\t1\th\ta\nR\t2\th\tb\nP\t3\th\tc\nP\t1\th\ta\n") == "P c, P a");
  CHECK(open("P\t1\th\ta\nP\t2\th\tb\nP\t3\th\tc\nP\t1\th\ta\n") == "P b, P c, P a");
  CHECK(open("P\t1\th\ta\nU\t1\th\ta\nP\t3\th\tc\nP\t1\th\ta\n") == "P c, P a");
  CHECK(open("P\t1\th\ta\nU\t1\th\ta\nP\t1\th\ta\nA\t1\th\ta\n") == "A a");
  CHECK(open("U\t1\th\ta\nR\t1\th\ta\nP\t1\th\ta\n") == "P a");
}

}  // namespace lonc::core::test
