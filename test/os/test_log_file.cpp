#include "support/catch.hpp"
#include "support/process_help.hpp"
#include "support/temp_dir.hpp"

#include <lonc/os/log_file.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>

using lonc::os::LogFile;
using namespace lonc::test;
using namespace std::chrono_literals;

TEST_CASE("lines are appended to the contents of the file") {
  const TempDir dir;
  write_file(dir / "lonc.log", "old\n");
  LogFile file{dir / "lonc.log"};
  CHECK_FALSE(file.append("one\n"));
  CHECK_FALSE(file.append("two\n"));
  CHECK(read_file(dir / "lonc.log") == "old\none\ntwo\n");
}

TEST_CASE("reserved space does not change the readable contents") {
  const TempDir dir;
  LogFile file{dir / "lonc.log"};
  CHECK_FALSE(file.reserve(100'000));
  CHECK(read_file(dir / "lonc.log").empty());
  CHECK_FALSE(file.append("one\n"));
  CHECK_FALSE(file.reserve(100'000));
  CHECK(read_file(dir / "lonc.log") == "one\n");
}

TEST_CASE("no space is reserved beyond the limit on the file size, or beyond the disk") {
  const TempDir dir;
  LogFile file{dir / "lonc.log"};
  REQUIRE_FALSE(file.append(std::string(1000, 'a')));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit limit = before;
  limit.rlim_cur = 1010;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  const auto within = file.reserve(10);
  const auto beyond = file.reserve(11);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK_FALSE(within);
  CHECK(beyond == std::errc::file_too_large);
  CHECK(file.reserve(std::size_t{1} << 60U));
  CHECK_FALSE(file.reserve(10));
}

TEST_CASE("a device always has space, and a log that cannot be opened has none") {
  const TempDir dir;
  std::filesystem::create_symlink("/dev/null", dir / "lonc.log");
  CHECK_FALSE(LogFile{dir / "lonc.log"}.reserve(1000));
  CHECK(LogFile{dir / "no/lonc.log"}.reserve(1) == std::errc::no_such_file_or_directory);
}

TEST_CASE("a new log is accessible only to owner and group") {
  const TempDir dir;
  LogFile file{dir / "lonc.log"};
  REQUIRE_FALSE(file.append("one\n"));
  struct stat info{};
  REQUIRE(::stat((dir / "lonc.log").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == (0640U & ~::umask(022)));
}

TEST_CASE("a log that was renamed is created again") {
  const TempDir dir;
  LogFile file{dir / "lonc.log"};
  REQUIRE_FALSE(file.append("one\n"));
  std::filesystem::rename(dir / "lonc.log", dir / "lonc.log.1");
  CHECK_FALSE(file.append("two\n"));
  CHECK(read_file(dir / "lonc.log.1") == "one\n");
  CHECK(read_file(dir / "lonc.log") == "two\n");
}

TEST_CASE("a log that was replaced or removed is followed") {
  const TempDir dir;
  LogFile file{dir / "lonc.log"};
  REQUIRE_FALSE(file.append("one\n"));
  write_file(dir / "other", "other\n");
  std::filesystem::rename(dir / "other", dir / "lonc.log");
  CHECK_FALSE(file.append("two\n"));
  CHECK(read_file(dir / "lonc.log") == "other\ntwo\n");
  std::filesystem::remove(dir / "lonc.log");
  CHECK_FALSE(file.append("three\n"));
  CHECK(read_file(dir / "lonc.log") == "three\n");
}

TEST_CASE("a log that cannot be opened is an error until it can be opened") {
  const TempDir dir;
  LogFile file{dir / "logs/lonc.log"};
  CHECK(file.append("lost\n") == std::errc::no_such_file_or_directory);
  std::filesystem::create_directory(dir / "logs");
  CHECK_FALSE(file.append("kept\n"));
  CHECK(read_file(dir / "logs/lonc.log") == "kept\n");
}

TEST_CASE("a full disk is an error") {
  const TempDir dir;
  std::filesystem::create_symlink("/dev/full", dir / "lonc.log");
  LogFile file{dir / "lonc.log"};
  CHECK(file.append("lost\n") == std::errc::no_space_on_device);
}

TEST_CASE("a link is not followed, whether its target exists or not") {
  const TempDir dir;
  const bool is_there = GENERATE(true, false);
  if (is_there) write_file(dir / "precious", "precious\n");
  std::filesystem::create_symlink("precious", dir / "lonc.log");
  LogFile file{dir / "lonc.log"};
  const auto error = file.append("line\n");
  CHECK(error.message().find("remove it") != std::string::npos);
  CHECK(read_file(dir / "precious") == (is_there ? "precious\n" : ""));
  CHECK(std::filesystem::exists(dir / "precious") == is_there);
  std::filesystem::remove(dir / "lonc.log");
  CHECK_FALSE(file.append("line\n"));
  // Nor if it is created later, even if it leads to the very same file.
  std::filesystem::rename(dir / "lonc.log", dir / "precious");
  std::filesystem::create_symlink("precious", dir / "lonc.log");
  CHECK(file.append("another\n"));
}

TEST_CASE("anything but a regular file is an error at once, and /dev/null accepts everything") {
  const TempDir dir;
  Child child{[&] {
    LogFile file{dir / "lonc.log"};
    ::mkfifo(file.path().c_str(), 0600);
    if (file.append("line\n").message().find("remove it") == std::string::npos) return 1;
    const int reader = ::open(file.path().c_str(), O_RDONLY | O_NONBLOCK);
    if (!file.append("line\n")) return 2;
    ::close(reader);
    std::filesystem::remove(file.path());
    std::filesystem::create_directory(file.path());
    if (!file.append("line\n")) return 3;
    std::filesystem::remove(file.path());
    std::filesystem::create_symlink("/dev/null", file.path());
    if (file.append("line\n")) return 4;
    LogFile null{"/dev/null"};
    return null.append("line\n") ? 5 : 0;
  }};
  CHECK(child.wait(20s) == 0);
}

TEST_CASE("after half a line of a killed process the next line begins on its own line") {
  const TempDir dir;
  write_file(dir / "lonc.log", "whole\nha");
  LogFile file{dir / "lonc.log"};
  SECTION("it is appended to at once") {}
  SECTION("it is synced first") { REQUIRE_FALSE(file.sync()); }
  CHECK_FALSE(file.append("one\n"));
  CHECK_FALSE(file.append("two\n"));
  CHECK(read_file(dir / "lonc.log") == "whole\nha\none\ntwo\n");
}

TEST_CASE("after half a line the next line begins on its own line") {
  const TempDir dir;
  Child child{[&] {
    ::signal(SIGXFSZ, SIG_IGN);
    LogFile file{dir / "lonc.log"};
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit small{10, limit.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    if (!file.append("0123456789abcdef\n")) return 1;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (file.append("next\n")) return 2;
    return file.append("last\n") ? 3 : 0;
  }};
  CHECK(child.wait() == 0);
  CHECK(read_file(dir / "lonc.log") == "0123456789\nnext\nlast\n");
}
