#include "support/catch.hpp"
#include "support/process_help.hpp"
#include "support/temp_dir.hpp"

#include <lonc/app/status_files.hpp>

#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

using namespace lonc::app;
using namespace lonc::test;

namespace {

using Names = std::set<std::string>;

Names names_in(const std::string& directory) {
  Names names;
  for (const auto& entry : std::filesystem::directory_iterator{directory}) names.insert(entry.path().filename());
  return names;
}

}  // namespace

TEST_CASE("both status files are written, and their directory is made") {
  const TempDir dir;
  const mode_t mask = ::umask(022);
  REQUIRE_FALSE(write_status_files(dir.path(), "text\n", "{}\n").error);
  ::umask(mask);
  CHECK(names_in(dir / "lon-status") == Names{"loncstatus.json", "loncstatus.txt"});
  CHECK(read_file(dir / "lon-status/loncstatus.txt") == "text\n");
  CHECK(read_file(dir / "lon-status/loncstatus.json") == "{}\n");
  struct stat info{};
  REQUIRE(::stat((dir / "lon-status/loncstatus.txt").c_str(), &info) == 0);
  CHECK((info.st_mode & 0444U) == 0444U);

  REQUIRE_FALSE(write_status_files(dir.path(), "t2\n", "{2}\n").error);
  CHECK(read_file(dir / "lon-status/loncstatus.txt") == "t2\n");
  CHECK(read_file(dir / "lon-status/loncstatus.json") == "{2}\n");
}

TEST_CASE("without a document root the file is named") {
  const TempDir dir;
  const FileError error = write_status_files(dir / "absent", "text\n", "{}\n");
  CHECK(error.error == std::errc::no_such_file_or_directory);
  CHECK(error.file == dir / "absent/lon-status");
}

TEST_CASE("when the second file can not be written the first stays as it was, too") {
  const TempDir dir;
  REQUIRE_FALSE(write_status_files(dir.path(), "old\n", "{}\n").error);
  Child child{[&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &small);
    const FileError error = write_status_files(dir.path(), "new\n", std::string(2000, 'x'));
    return error.error == std::errc::file_too_large && error.file.ends_with("/loncstatus.json") ? 0 : 1;
  }};
  CHECK(child.wait() == 0);
  CHECK(read_file(dir / "lon-status/loncstatus.txt") == "old\n");
  CHECK(read_file(dir / "lon-status/loncstatus.json") == "{}\n");
  CHECK(names_in(dir / "lon-status") == Names{"loncstatus.json", "loncstatus.txt"});
}

TEST_CASE("a name that can not be replaced leaves nothing behind") {
  const TempDir dir;
  std::filesystem::create_directories(dir / "lon-status/loncstatus.txt/full");
  const FileError error = write_status_files(dir.path(), "new\n", "{}\n");
  CHECK(error.error);
  CHECK(error.file == dir / "lon-status/loncstatus.txt");
  CHECK(names_in(dir / "lon-status") == Names{"loncstatus.txt"});
}

TEST_CASE("a temporary file from a crash is no obstacle") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "lon-status");
  write_file(dir / ("lon-status/.loncstatus.txt." + std::to_string(::getpid())), "half");
  REQUIRE_FALSE(write_status_files(dir.path(), "text\n", "{}\n").error);
  CHECK(names_in(dir / "lon-status") == Names{"loncstatus.json", "loncstatus.txt"});
}

TEST_CASE("a reader never sees a part of a file") {
  const TempDir dir;
  const std::string first(20'000, 'a');
  const std::string second(30'000, 'b');
  REQUIRE_FALSE(write_status_files(dir.path(), first, "{}").error);
  std::atomic<bool> done{false};
  std::atomic<unsigned> reads{0};
  std::atomic<unsigned> torn{0};
  std::thread reader{[&] {
    while (!done) {
      const std::string text = read_file(dir / "lon-status/loncstatus.txt");
      if (text != first && text != second) ++torn;
      ++reads;
    }
  }};
  for (int i = 0; i < 30; ++i) {
    CHECK_FALSE(write_status_files(dir.path(), i % 2 == 0 ? second : first, "{}").error);
  }
  CHECK(wait_until([&] { return reads > 0; }));
  done = true;
  reader.join();
  CHECK(torn == 0);
}
