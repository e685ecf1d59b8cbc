#include "scratch_dir.hpp"
#include "support/catch.hpp"

#include <lonc/app/host_table_file.hpp>

#include <string>

using lonc::app::longest_host_id;
using lonc::app::read_host_table;
using lonc::app::Settings;
using lonc::test::ScratchDir;

TEST_CASE("hosts.tab is read by the rules of the settings") {
  const ScratchDir dir;
  Settings settings;
  settings.host_id = "a1";
  settings.tab_dir = dir / "tabs";
  settings.socket_dir = "/" + std::string(101, 's');  // leaves 4 bytes
  dir.write("tabs/hosts.tab", "a1:d:library:n:127.0.0.1\nlong1:d:access:n:127.0.0.2\nb1:d:access:b.x.edu:\n");
  const auto skipping = read_host_table(settings);
  CHECK_FALSE(skipping.error);
  CHECK(skipping.path == dir / "tabs/hosts.tab");
  CHECK(skipping.table.hosts.size() == 1);
  REQUIRE(skipping.table.problems.size() == 2);
  CHECK(skipping.table.problems[0].line == 2);
  CHECK(skipping.table.problems[0].file == skipping.path);

  settings.hosts_without_ip = lonc::app::HostsWithoutIp::resolve;
  CHECK(read_host_table(settings).table.hosts.size() == 2);

  settings.host_id = "other";
  CHECK(read_host_table(settings).table.problems.size() == 2);  // the own id is missing
}

TEST_CASE("a hosts.tab that is not there is an error code, not a crash") {
  const ScratchDir dir;
  Settings settings;
  settings.tab_dir = dir / "none";
  const auto file = read_host_table(settings);
  CHECK(file.error == std::errc::no_such_file_or_directory);
  CHECK(file.table.hosts.empty());
}

TEST_CASE("the room for an id in the path of a socket") {
  CHECK(longest_host_id("/home/httpd/sockets") == 107 - 19 - 1);
  CHECK(longest_host_id(std::string(105, 's')) == 1);
  CHECK(longest_host_id(std::string(106, 's')) == 0);
  CHECK(longest_host_id(std::string(1000, 's')) == 0);
}
