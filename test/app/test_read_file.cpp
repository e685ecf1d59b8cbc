#include "scratch_dir.hpp"
#include "support/catch.hpp"

#include <lonc/app/read_file.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

using lonc::app::read_file_at_rest;
using lonc::test::ScratchDir;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

void age(const std::string& path, std::chrono::seconds by) {
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - by);
}

}  // namespace

TEST_CASE("a file that has been there for a while is read at once") {
  const ScratchDir dir;
  const auto path = dir.write("hosts.tab", "whole\n");
  age(path, 10s);
  std::string text;
  // With no patience at all.
  CHECK_FALSE(read_file_at_rest(path, text, 0ms));
  CHECK(text == "whole\n");
}

TEST_CASE("a file that was changed just now is read when it has stood still for a second") {
  const ScratchDir dir;
  const auto path = dir.write("hosts.tab", "whole\n");
  const auto begin = Clock::now();
  std::string text;
  CHECK_FALSE(read_file_at_rest(path, text, 60s));
  CHECK(text == "whole\n");
  CHECK(Clock::now() - begin > 800ms);
}

TEST_CASE("a time of change in the future is waited for no longer") {
  const ScratchDir dir;
  const auto path = dir.write("hosts.tab", "whole\n");
  age(path, -1h);
  std::string text;
  CHECK_FALSE(read_file_at_rest(path, text, 60s));
  CHECK(text == "whole\n");
}

TEST_CASE("a file that is being written is read when it is whole") {
  const ScratchDir dir;
  const auto path = dir.write("hosts.tab", "");
  std::thread writer([&] {
    std::ofstream file(path, std::ios::app);
    for (int line = 0; line != 10; ++line) {
      file << line << std::endl;
      std::this_thread::sleep_for(50ms);
    }
  });
  std::string text;
  CHECK_FALSE(read_file_at_rest(path, text, 60s));
  writer.join();
  CHECK(text == "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

TEST_CASE("a file that never stands still is told, with what was there") {
  const ScratchDir dir;
  const auto path = dir.write("hosts.tab", "first\n");
  std::atomic<bool> is_over = false;
  std::thread writer([&] {
    std::ofstream file(path, std::ios::app);
    while (!is_over) file << "more" << std::endl;
  });
  std::string text;
  CHECK(read_file_at_rest(path, text, 300ms) == std::errc::text_file_busy);
  is_over = true;
  writer.join();
  CHECK(text.starts_with("first\n"));
}

TEST_CASE("a file that is not there, and one that is none, are not waited for") {
  const ScratchDir dir;
  std::string text;
  CHECK(read_file_at_rest(dir / "none", text, 60s) == std::errc::no_such_file_or_directory);
  CHECK(read_file_at_rest(dir.make_directory("sub"), text, 60s) == std::errc::is_a_directory);
  CHECK_FALSE(read_file_at_rest("/dev/null", text, 60s));
}
