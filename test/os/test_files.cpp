#include "support/catch.hpp"
#include "support/scratch_dir.hpp"

#include <lonc/os/files.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

using lonc::os::read_file_at_rest;
using lonc::test::ScratchDir;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

void age(const std::string& path, std::chrono::seconds by) {
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - by);
}

}  // namespace

TEST_CASE("a file that has not changed for a while is read at once") {
  const ScratchDir dir;
  const auto path = dir.write("hosts.tab", "whole\n");
  age(path, 10s);
  std::string text;
  // Without any waiting.
  CHECK_FALSE(read_file_at_rest(path, text, 0ms));
  CHECK(text == "whole\n");
}

TEST_CASE("a file that has just changed is read when it has been unchanged for a second") {
  const ScratchDir dir;
  const auto path = dir.write("hosts.tab", "whole\n");
  const auto begin = Clock::now();
  std::string text;
  CHECK_FALSE(read_file_at_rest(path, text, 60s));
  CHECK(text == "whole\n");
  CHECK(Clock::now() - begin > 800ms);
}

TEST_CASE("a file with a modification time in the future is not waited for any longer") {
  const ScratchDir dir;
  const auto path = dir.write("hosts.tab", "whole\n");
  age(path, -1h);
  std::string text;
  CHECK_FALSE(read_file_at_rest(path, text, 60s));
  CHECK(text == "whole\n");
}

TEST_CASE("a file that is being written is read when it is complete") {
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

TEST_CASE("a file that keeps changing is an error, and its contents so far are returned") {
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

TEST_CASE("a missing file, and anything but a regular file, are not waited for") {
  const ScratchDir dir;
  std::string text;
  CHECK(read_file_at_rest(dir / "none", text, 60s) == std::errc::no_such_file_or_directory);
  CHECK(read_file_at_rest(dir.make_directory("sub"), text, 60s) == std::errc::is_a_directory);
  CHECK_FALSE(read_file_at_rest("/dev/null", text, 60s));
}
