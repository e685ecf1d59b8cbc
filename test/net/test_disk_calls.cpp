// What the spool asks of the system, and in which order: a sync that is left out, or made too late, loses nothing until
// the power fails, so no other test would notice. The calls of this program go through those below.
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <lonc/core/spool/spool.hpp>
#include <lonc/net/spool/file_spool_disk.hpp>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

using lonc::core::DelayedBatch;
using lonc::core::Spool;
using lonc::net::FileSpoolDisk;
using namespace lonc::test;

namespace {

using Calls = std::vector<std::string>;

// Other tests of this program have threads that write.
std::mutex mutex;
bool is_recording = false;
std::size_t longest_write = SIZE_MAX;  // bytes; more is cut, as a full disk or a signal would
std::string failing;  // the call that fails, once
Calls calls;

std::string name_of(int fd) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
  return error ? "?" : path.filename().string();
}

void record(const std::string& call) {
  const std::lock_guard lock(mutex);
  if (is_recording) calls.push_back(call);
}

bool is_to_fail(const std::string& call) {
  const std::lock_guard lock(mutex);
  if (!is_recording || call != failing) return false;
  failing.clear();
  return true;
}

std::size_t cut(std::size_t bytes) {
  const std::lock_guard lock(mutex);
  return is_recording ? std::min(bytes, longest_write) : bytes;
}

}  // namespace

extern "C" {

int fsync(int fd) {
  record("fsync " + name_of(fd));
  if (is_to_fail("fsync " + name_of(fd))) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
  record("fdatasync " + name_of(fd));
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

int unlinkat(int directory, const char* name, int flags) noexcept {
  record(std::string("unlink ") + name);
  return static_cast<int>(::syscall(SYS_unlinkat, directory, name, flags));
}

int renameat(int from, const char* name, int to, const char* new_name) noexcept {
  record(std::string("rename ") + name + " " + new_name);
  return static_cast<int>(::syscall(SYS_renameat, from, name, to, new_name));
}

ssize_t write(int fd, const void* bytes, std::size_t size) {
  record("write " + name_of(fd));
  return ::syscall(SYS_write, fd, bytes, cut(size));
}

}  // extern "C"

namespace {

// The calls made by `work`. Those that remove what may be there from earlier are left out.
template <typename Work>
Calls calls_of(Work work) {
  {
    const std::lock_guard lock(mutex);
    calls.clear();
    is_recording = true;
  }
  work();
  const std::lock_guard lock(mutex);
  is_recording = false;
  std::erase(calls, "unlink .sending.new");
  return calls;
}

std::size_t place(const Calls& made, const std::string& call) {
  const auto at = std::ranges::find(made, call);
  INFO(call);
  REQUIRE(at != made.end());
  return static_cast<std::size_t>(at - made.begin());
}

struct Fixture {
  Fixture() { REQUIRE_FALSE(disk.open()); }

  void leave(const std::string& name, const std::string& line) const {
    std::ofstream(directory / ("delayed/" + name)) << line << "\n";
  }

  TempDir directory;
  FileSpoolDisk disk{directory / "delayed", directory / "lonnet.perm.log"};
};

}  // namespace

TEST_CASE("disk calls: a deletion is durable after the directory was synced") {
  Fixture f;
  f.leave("100.1.1.echo.msul1", "echo:a");
  CHECK(calls_of([&] { CHECK_FALSE(f.disk.remove("100.1.1.echo.msul1")); }) == Calls{"unlink 100.1.1.echo.msul1"});
  CHECK(calls_of([&] { CHECK_FALSE(f.disk.sync_directory()); }) == Calls{"fsync delayed"});
}

TEST_CASE("disk calls: a quarantined message is durable in the quarantine before it is gone from the spool") {
  Fixture f;
  f.leave("100.1.1.echo.msul1", "echo:a");
  REQUIRE_FALSE(f.disk.set_aside("100.1.1.echo.msul1", "a test"));
  CHECK(calls_of([&] { CHECK_FALSE(f.disk.sync_directory()); }) == Calls{"fsync quarantine", "fsync delayed"});
  CHECK(calls_of([&] { CHECK_FALSE(f.disk.sync_directory()); }) == Calls{"fsync delayed"});
}

TEST_CASE(
    "disk calls: a released message is durable in the spool before it is gone from the quarantine, after an error "
    "too") {
  Fixture f;
  f.leave("100.1.1.echo.msul1", "echo:a");
  REQUIRE_FALSE(f.disk.set_aside("100.1.1.echo.msul1", "a test"));
  REQUIRE_FALSE(f.disk.sync_directory());
  REQUIRE_FALSE(f.disk.release({.file = "100.1.1.echo.msul1", .name = "100.1.1.echo.msul1", .reason = {}}));
  SECTION("no error") {}
  SECTION("the spool cannot be synced") {
    failing = "fsync delayed";
    CHECK(calls_of([&] { CHECK(f.disk.sync_directory()); }) == Calls{"fsync delayed"});
  }
  CHECK(calls_of([&] { CHECK_FALSE(f.disk.sync_directory()); }) ==
        Calls{"fsync delayed", "fsync quarantine", "fsync delayed"});
}

TEST_CASE("disk calls: a quarantine that could not be synced is synced before the spool again") {
  Fixture f;
  f.leave("100.1.1.echo.msul1", "echo:a");
  REQUIRE_FALSE(f.disk.set_aside("100.1.1.echo.msul1", "a test"));
  failing = "fsync quarantine";
  CHECK(calls_of([&] { CHECK(f.disk.sync_directory()); }) == Calls{"fsync quarantine"});
  CHECK(calls_of([&] { CHECK_FALSE(f.disk.sync_directory()); }) == Calls{"fsync quarantine", "fsync delayed"});
}

TEST_CASE("disk calls: lines of the permanent log are durable although it has been renamed since") {
  Fixture f;
  REQUIRE_FALSE(f.disk.append_log("S:msul1:a"));
  std::filesystem::rename(f.directory / "lonnet.perm.log", f.directory / "lonnet.perm.log.1");
  const Calls made = calls_of([&] { CHECK_FALSE(f.disk.append_log("S:msul1:b")); });
  CHECK(place(made, "fdatasync lonnet.perm.log.1") < place(made, "write lonnet.perm.log"));
  const Calls synced = calls_of([&] { CHECK_FALSE(f.disk.sync_log()); });
  CHECK(synced.at(0) == "fdatasync lonnet.perm.log");
  CHECK(synced.at(1).starts_with("fsync "));  // its directory, for its name
}

TEST_CASE("disk calls: a new journal is durable before it replaces the old one, and its name before it is used") {
  Fixture f;
  CHECK(calls_of([&] { CHECK_FALSE(f.disk.replace_journal(std::string(8192, 'x'))); }) ==
        Calls{"write .sending.new", "fsync .sending.new", "rename .sending.new .sending", "fsync delayed"});
}

TEST_CASE("disk calls: the journal is written in place and synced") {
  Fixture f;
  REQUIRE_FALSE(f.disk.replace_journal(std::string(8192, '\0')));
  CHECK(calls_of([&] {
          CHECK_FALSE(f.disk.write_journal(4096, "record\n"));
          CHECK_FALSE(f.disk.sync_journal());
        }) == Calls{"write .sending", "fdatasync .sending"});
}

TEST_CASE("disk calls: writes that are cut short are continued") {
  Fixture f;
  const auto text = GENERATE(std::string("abcdefghij"), std::string("ab"), std::string("abc"));
  REQUIRE_FALSE(f.disk.replace_journal(std::string(64, '.')));
  longest_write = 3;
  const auto made = calls_of([&] {
    CHECK_FALSE(f.disk.write_journal(20, text));
    CHECK_FALSE(f.disk.append_log("S:msul1:" + text));
  });
  longest_write = SIZE_MAX;
  CHECK(std::ranges::count(made, "write .sending") == static_cast<std::ptrdiff_t>((text.size() + 2) / 3));
  std::string journal;
  REQUIRE_FALSE(f.disk.read_journal(journal));
  std::string wanted(64, '.');
  wanted.replace(20, text.size(), text);
  CHECK(journal == wanted);
  std::ifstream log(f.directory / "lonnet.perm.log");
  std::string line;
  std::getline(log, line);
  CHECK(line.find(":S:msul1:" + text + ":") != std::string::npos);
}

TEST_CASE("disk calls: nothing is handed out before the journal is durable, nor deleted before the permanent log is") {
  Fixture f;
  const std::vector<std::string> names{"100.1.1.echo.msul1", "101.1.1.echo.msul1"};
  for (const std::string& name : names) f.leave(name, "echo:" + name);
  Spool spool(f.disk, {.min_age = {}}, [](auto&&...) {}, {[] { return 0U; }, [] { return 0U; }});
  spool.set_hosts({"msul1"});
  std::vector<DelayedBatch> batches;
  Calls made = calls_of([&] { batches = spool.hand_out({"msul1"}); });
  REQUIRE(batches.at(0).messages.size() == 2);
  CHECK(made.back().starts_with("f"));
  CHECK(made.back().ends_with(made.back().starts_with("fsync") ? "delayed" : ".sending"));

  made = calls_of([&] {
    CHECK_FALSE(spool.answered("msul1", "S:msul1:first"));
    CHECK_FALSE(spool.answered("msul1", "S:msul1:second"));
    CHECK_FALSE(spool.commit());
  });
  const std::size_t written = place(made, "write lonnet.perm.log");
  const std::size_t logged = place(made, "fdatasync lonnet.perm.log");
  CHECK(written < logged);
  for (const std::string& name : names) {
    CHECK(logged < place(made, "unlink " + name));
    CHECK(place(made, "unlink " + name) < place(made, "fsync delayed"));
  }
}

TEST_CASE("disk calls: the batch that follows is synced together with what was answered") {
  Fixture f;
  for (int number = 0; number != 3; ++number) f.leave("10" + std::to_string(number) + ".1.1.echo.msul1", "echo:a");
  Spool spool(f.disk, {.min_age = {}, .batch = 2}, [](auto&&...) {}, {[] { return 0U; }, [] { return 0U; }});
  spool.set_hosts({"msul1"});
  REQUIRE(spool.hand_out({"msul1"}).at(0).messages.size() == 2);
  CHECK_FALSE(spool.answered("msul1", "S:msul1:first"));
  CHECK_FALSE(spool.answered("msul1", "S:msul1:second"));
  std::vector<DelayedBatch> batches;
  const Calls made = calls_of([&] { batches = spool.hand_out({"msul1"}); });
  REQUIRE(batches.at(0).messages.size() == 1);
  const std::size_t logged = place(made, "fdatasync lonnet.perm.log");
  CHECK(logged < place(made, "unlink 100.1.1.echo.msul1"));
  CHECK(logged < place(made, "unlink 101.1.1.echo.msul1"));
  CHECK(place(made, "write .sending") < place(made, "fdatasync .sending"));
  CHECK(place(made, "unlink 101.1.1.echo.msul1") < place(made, "fsync delayed"));
}
