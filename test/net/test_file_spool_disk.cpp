#include "support/catch.hpp"
#include "support/process_help.hpp"
#include "support/temp_dir.hpp"

#include <lonc/net/spool/file_spool_disk.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <regex>
#include <set>
#include <string>

using lonc::core::SpoolFile;
using lonc::net::FileSpoolDisk;
using lonc::net::QuarantinedMessage;
using namespace lonc::test;
using namespace std::chrono_literals;

namespace {

struct DiskFixture {
  DiskFixture() { REQUIRE_FALSE(disk.open()); }

  std::string at(const std::string& name) const { return directory / ("delayed/" + name); }
  std::set<std::string> listed() {
    std::set<std::string> names;
    CHECK_FALSE(disk.list([&](std::string_view name) { names.emplace(name); }));
    return names;
  }
  std::vector<QuarantinedMessage> quarantine() {
    std::vector<QuarantinedMessage> all;
    CHECK_FALSE(disk.list_quarantine([&](const QuarantinedMessage& message) { all.push_back(message); }));
    return all;
  }
  // `seconds` before now; negative: in the future.
  void set_age(const std::string& name, int seconds) const {
    timeval now{};
    ::gettimeofday(&now, nullptr);
    now.tv_sec -= seconds;
    const timeval times[2] = {now, now};
    REQUIRE(::utimes(at(name).c_str(), times) == 0);
  }

  TempDir directory;
  FileSpoolDisk disk{directory / "delayed", directory / "lonnet.perm.log"};
};

}  // namespace

TEST_CASE("spool disk: the directory is created if only its last component is missing") {
  const TempDir directory;
  FileSpoolDisk disk(directory / "delayed", directory / "log");
  CHECK_FALSE(disk.open());
  CHECK(std::filesystem::is_directory(directory / "delayed"));
  FileSpoolDisk deeper(directory / "no/delayed", directory / "log");
  CHECK(deeper.open() == std::errc::no_such_file_or_directory);
  CHECK_FALSE(deeper.is_open());
}

TEST_CASE("spool disk: one process at a time") {
  DiskFixture f;
  FileSpoolDisk other(f.directory / "delayed", f.directory / "log");
  CHECK(other.open() == std::errc::resource_unavailable_try_again);
  f.disk.close();
  CHECK_FALSE(other.open());
}

TEST_CASE("spool disk: a process that could not create the lock file still keeps others out") {
  DiskFixture f;
  REQUIRE(::unlink(f.at(".lock").c_str()) == 0);
  FileSpoolDisk other(f.directory / "delayed", f.directory / "log");
  CHECK(other.open() == std::errc::resource_unavailable_try_again);
  f.disk.close();
  CHECK_FALSE(other.open());
}

TEST_CASE("spool disk: a directory that was created again is not the one that is open") {
  DiskFixture f;
  CHECK(f.disk.is_current());
  std::filesystem::rename(f.directory / "delayed", f.directory / "old");
  CHECK_FALSE(f.disk.is_current());
  std::filesystem::create_directory(f.directory / "delayed");
  CHECK_FALSE(f.disk.is_current());
  CHECK_FALSE(f.disk.open());
  CHECK(f.disk.is_current());
}

TEST_CASE("spool disk: its own files are not listed") {
  DiskFixture f;
  write_file(f.at("1.a.msul1"), "a\n");
  CHECK_FALSE(f.disk.replace_journal("x\n"));
  CHECK_FALSE(f.disk.set_aside("1.a.msul1", "why"));
  write_file(f.at("2.b.msul1"), "b\n");
  CHECK(f.listed() == std::set<std::string>{"2.b.msul1"});
}

TEST_CASE("spool disk: only regular files can be read") {
  DiskFixture f;
  write_file(f.at("file"), "put:a\n");
  std::filesystem::create_directory(f.at("directory"));
  std::filesystem::create_symlink("file", f.at("link"));
  ::mkfifo(f.at("fifo").c_str(), 0600);

  const SpoolFile file = f.disk.read("file", 100);
  CHECK(file.state == SpoolFile::State::read);
  CHECK(file.content == "put:a\n");
  CHECK(file.inode != 0);
  CHECK(f.disk.read("file", 0).inode == file.inode);
  CHECK(f.disk.read("file", 3).content == "put");
  for (const char* const name : {"directory", "link", "fifo"}) {
    CAPTURE(name);
    CHECK(f.disk.read(name, 100).state == SpoolFile::State::not_a_file);
  }
  CHECK(f.disk.read("nothing", 100).state == SpoolFile::State::missing);
}

TEST_CASE(
    "spool disk: the age is the time since the last change; that of a file from the future is its distance from now") {
  DiskFixture f;
  write_file(f.at("old"), "a\n");
  f.set_age("old", 100);
  CHECK(f.disk.read("old", 10).age > 90s);
  write_file(f.at("future"), "a\n");
  f.set_age("future", -1000);
  CHECK(f.disk.read("future", 10).age > 900s);
}

TEST_CASE("spool disk: the time of the last change has a resolution of a nanosecond") {
  DiskFixture f;
  write_file(f.at("1.a.msul1"), "a\n");
  const std::array<timespec, 2> times{timespec{1, 2}, timespec{1015559700, 123456789}};
  REQUIRE(::utimensat(AT_FDCWD, f.at("1.a.msul1").c_str(), times.data(), 0) == 0);
  std::uint64_t time = 0;
  CHECK_FALSE(f.disk.changed_at("1.a.msul1", time));
  CHECK(time == 1015559700123456789);
  CHECK_FALSE(f.disk.changed_at("gone", time));
  CHECK(time == 0);
}

TEST_CASE("spool disk: a FIFO in place of one of its own files blocks nothing") {
  DiskFixture f;
  std::string text;
  REQUIRE(::mkfifo(f.at(".sending").c_str(), 0600) == 0);
  CHECK(f.disk.read_journal(text));
  CHECK(f.disk.write_journal(0, "x"));
  write_file(f.at("1.a.msul1"), "a");
  CHECK_FALSE(f.disk.set_aside("1.a.msul1", "first"));
  REQUIRE(::unlink(f.at("quarantine/1.a.msul1.reason").c_str()) == 0);
  REQUIRE(::mkfifo(f.at("quarantine/1.a.msul1.reason").c_str(), 0600) == 0);
  unsigned found = 0;
  CHECK_FALSE(f.disk.list_quarantine([&](const auto& message) { found += message.reason.empty() ? 1U : 0U; }));
  CHECK(found == 1);
}

TEST_CASE("spool disk: an obstacle to the journal or the quarantine is named, with a remedy") {
  DiskFixture f;
  std::filesystem::create_directory(f.at(".sending.new"));
  CHECK(f.disk.replace_journal("x").message() == "its .sending.new is a directory; move it away");
  std::filesystem::remove(f.at(".sending.new"));
  std::filesystem::create_directory(f.at(".sending"));
  CHECK(f.disk.replace_journal("x").message() == "its .sending is a link or not a plain file; move it away");
  std::filesystem::remove(f.at(".sending"));
  CHECK_FALSE(f.disk.replace_journal("x"));
  const std::string no_quarantine = "its quarantine is a link or not a directory; move it away";
  write_file(f.at("1.a.msul1"), "a");
  SECTION("a file") { write_file(f.at("quarantine"), ""); }
  SECTION("a link") { std::filesystem::create_symlink(f.directory / "delayed", f.at("quarantine")); }
  CHECK(f.disk.set_aside("1.a.msul1", "first").message() == no_quarantine);
  CHECK(f.disk.list_quarantine([](const auto&) {}).message() == no_quarantine);
  CHECK(std::filesystem::exists(f.at("1.a.msul1")));
}

TEST_CASE(
    "spool disk: anything but a regular file in place of an own file is not written to, even if it has a reader") {
  DiskFixture f;
  const auto remedy = [](std::error_code error) { return error.message(); };
  const std::string no_journal = "its .sending is a link or not a plain file; move it away";
  const std::string no_lock = "its .lock is a link or not a plain file; move it away";
  const auto read_fifo = [&](const std::string& name) {
    REQUIRE(::mkfifo(f.at(name).c_str(), 0600) == 0);
    return lonc::os::UniqueFd(::open(f.at(name).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  };
  std::string text;
  const auto journal = read_fifo(".sending");
  CHECK(remedy(f.disk.read_journal(text)) == no_journal);
  CHECK(remedy(f.disk.write_journal(0, "x")) == no_journal);
  write_file(f.at("1.a.msul1"), "a");
  CHECK_FALSE(f.disk.set_aside("1.a.msul1", "first"));
  REQUIRE(::unlink(f.at("quarantine/1.a.msul1.reason").c_str()) == 0);
  const auto reason = read_fifo("quarantine/1.a.msul1.reason");
  write_file(f.at("1.a.msul1"), "a");
  std::filesystem::remove(f.at("quarantine/1.a.msul1"));
  CHECK_FALSE(f.disk.set_aside("1.a.msul1", "first"));
  char byte = 0;
  CHECK(::read(journal.get(), &byte, 1) < 0);
  CHECK(::read(reason.get(), &byte, 1) < 0);
  f.disk.close();
  std::filesystem::remove(f.at(".lock"));
  std::filesystem::create_directory(f.at(".lock"));
  CHECK(remedy(f.disk.open()) == no_lock);
  std::filesystem::remove(f.at(".lock"));
  const auto lock = read_fifo(".lock");
  CHECK(remedy(f.disk.open()) == no_lock);
}

TEST_CASE("spool disk: a quarantined file keeps its reason, and nothing in the quarantine is replaced") {
  DiskFixture f;
  for (const char* const content : {"first", "second"}) {
    write_file(f.at("1.a.msul1"), content);
    CHECK_FALSE(f.disk.set_aside("1.a.msul1", std::string("it is the ") + content));
  }
  CHECK_FALSE(f.disk.set_aside("gone", "nobody knows"));
  CHECK_FALSE(f.disk.sync_directory());
  CHECK(f.listed().empty());
  CHECK(read_file(f.at("quarantine/1.a.msul1")) == "first");
  CHECK(read_file(f.at("quarantine/1.a.msul1~1")) == "second");
  CHECK(read_file(f.at("quarantine/1.a.msul1.reason")) == "it is the first\n1.a.msul1\n");

  auto all = f.quarantine();
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "1.a.msul1");
  CHECK(all[1].name == "1.a.msul1");
  const QuarantinedMessage& second = all[0].reason == "it is the second" ? all[0] : all[1];
  CHECK_FALSE(f.disk.release(second));
  CHECK(read_file(f.at("1.a.msul1")) == "second");
  const QuarantinedMessage first = f.quarantine().at(0);
  CHECK(f.disk.release(first) == std::errc::file_exists);
  CHECK_FALSE(f.disk.remove_quarantined(first));
  CHECK(f.quarantine().empty());
}

TEST_CASE("spool disk: a directory with the name of a message is also quarantined") {
  DiskFixture f;
  std::filesystem::create_directory(f.at("1.a.msul1"));
  CHECK_FALSE(f.disk.set_aside("1.a.msul1", "it is not a file"));
  CHECK(std::filesystem::is_directory(f.at("quarantine/1.a.msul1")));
}

TEST_CASE("spool disk: removing a missing file succeeds") {
  DiskFixture f;
  write_file(f.at("a"), "a\n");
  CHECK_FALSE(f.disk.remove("a"));
  CHECK_FALSE(f.disk.remove("a"));
  CHECK(f.listed().empty());
}

TEST_CASE("spool disk: the journal is replaced in one step, and written in place") {
  DiskFixture f;
  std::string text = "something";
  CHECK_FALSE(f.disk.read_journal(text));
  CHECK(text.empty());
  CHECK(f.disk.write_journal(0, "one") == std::errc::no_such_file_or_directory);
  CHECK_FALSE(f.disk.replace_journal("one two three"));
  CHECK_FALSE(f.disk.write_journal(4, "TWO"));
  CHECK_FALSE(f.disk.sync_journal());
  CHECK_FALSE(f.disk.read_journal(text));
  CHECK(text == "one TWO three");
  CHECK_FALSE(f.disk.replace_journal("four"));
  CHECK_FALSE(f.disk.write_journal(0, "F"));
  CHECK(read_file(f.at(".sending")) == "Four");
  CHECK_FALSE(std::filesystem::exists(f.at(".sending.new")));
}

TEST_CASE("spool disk: a line of the permanent log") {
  DiskFixture f;
  write_file(f.directory / "lonnet.perm.log", "older\n");
  CHECK_FALSE(f.disk.append_log("S:msul1:put:a"));
  CHECK_FALSE(f.disk.sync_log());
  const std::regex line("older\n[0-9]{10}:S:msul1:put:a:[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} [0-9]{4}\n");
  CHECK(std::regex_match(read_file(f.directory / "lonnet.perm.log"), line));
}

TEST_CASE("spool disk: the boot id does not change") {
  DiskFixture f;
  CHECK(f.disk.boot_id().size() == 36);
  CHECK(f.disk.boot_id() == f.disk.boot_id());
}
