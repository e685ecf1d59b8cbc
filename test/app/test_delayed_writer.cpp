#include "app/scratch_dir.hpp"
#include "support/catch.hpp"

#include <lonc/app/delayed_writer.hpp>
#include <lonc/core/delayed_name.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <string>

using lonc::app::write_delayed_message;
using lonc::test::ScratchDir;

TEST_CASE("a message is left whole, under the name and with the mode that lonnet.pm would have given it") {
  const ScratchDir directory;
  const mode_t mask = ::umask(022);
  const auto written = write_delayed_message(directory.path(), "s1.msu", "put:msu:korte:env:a=b");
  ::umask(mask);
  REQUIRE_FALSE(written.error);
  CHECK(directory.names() == std::set<std::string>{written.name});
  CHECK(lonc::test::read_file(directory / written.name) == "put:msu:korte:env:a=b\n");
  CHECK(written.name.ends_with(".putmsukorteen.s1.msu"));
  CHECK(lonc::core::parse_delayed_name(written.name, [](auto id) { return id == "s1.msu"; }));
  struct stat info{};
  REQUIRE(::stat((directory / written.name).c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0644);
}

TEST_CASE("several in one second have names of their own, and the times of their files keep their order") {
  const ScratchDir directory;
  auto last = std::filesystem::file_time_type::min();
  for (int i = 0; i != 20; ++i) {
    const auto written = write_delayed_message(directory.path(), "msul1", "log:x");
    REQUIRE_FALSE(written.error);
    CHECK(lonc::core::parse_delayed_name(written.name, [](auto) { return true; }));
    const auto time = std::filesystem::last_write_time(directory / written.name);
    CHECK(last <= time);
    last = time;
  }
  CHECK(directory.names().size() == 20);
}

TEST_CASE("what can not be written leaves nothing, and is told") {
  const ScratchDir directory;
  CHECK(write_delayed_message(directory / "none", "msul1", "log:x").error == std::errc::no_such_file_or_directory);
  const auto too_long = write_delayed_message(directory.path(), std::string(300, 'x'), "log:x");
  CHECK(too_long.error == std::errc::filename_too_long);
  CHECK(too_long.name.empty());
  CHECK(directory.names().empty());
}
