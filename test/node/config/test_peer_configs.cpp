#include "support/catch.hpp"
#include "support/scratch_dir.hpp"

#include <lonc/node/config/peer_configs.hpp>
#include <lonc/node/config/settings.hpp>

#include <map>
#include <string>

using lonc::core::HostTable;
using lonc::node::LoadedSettings;
using lonc::node::longest_host_id;
using lonc::node::Origin;
using lonc::node::origin_key;
using lonc::node::peer_configs;
using lonc::node::read_host_table;
using lonc::node::setting_table;
using lonc::node::Settings;
using lonc::test::ScratchDir;

namespace {

HostTable two_hosts() {
  return lonc::core::parse_host_table("a1:d:r:a:10.0.0.1\nb1:d:r:b:10.0.0.2\n", "hosts.tab", {});
}

// A value other than the default for each setting that can be set for one peer.
const std::map<std::string, std::string> other_values{
    {"lond-port", "1234"},      {"resolve-timeout", "6s"},      {"connect-wait", "7s"},
    {"connect-timeout", "8s"},  {"pong-timeout", "9s"},         {"request-timeout", "10s"},
    {"idle-timeout", "11s"},    {"exit-timeout", "12s"},        {"backoff-first", "14s"},
    {"backoff-longest", "15s"}, {"keepalive-idle", "16s"},      {"keepalive-interval", "17s"},
    {"keepalive-count", "18"},  {"tcp-user-timeout", "19s"},    {"min-connections", "2"},
    {"max-connections", "21"},  {"max-attempts", "22"},         {"pipeline-depth", "32"},
    {"pipeline-safe", "get"},   {"pipeline-trust", "33s"},      {"delayed-first", "strict"},
    {"delayed-timeout", "28s"}, {"delayed-max-attempts", "29"}, {"max-queue", "25"}};

}  // namespace

TEST_CASE("each setting that can be set for one peer applies to that peer, and to no other") {
  const auto before = peer_configs(Settings{}, two_hosts());
  for (const auto& setting : setting_table()) {
    if (!setting.per_peer) continue;
    CAPTURE(setting.name);
    CHECK(setting.reloadable);
    REQUIRE(other_values.contains(setting.name));
    Settings settings;
    settings.of_peers["b1"][setting.name] = other_values.at(setting.name);
    const auto after = peer_configs(settings, two_hosts());
    CHECK(after[0] == before[0]);
    CHECK(after[1] != before[1]);
    // As if it were set for all.
    Settings for_all;
    REQUIRE(setting.set(for_all, other_values.at(setting.name)));
    CHECK(after[1] == peer_configs(for_all, two_hosts())[1]);
  }
}

TEST_CASE("settings for a peer that is not in hosts.tab are reported with their location") {
  LoadedSettings loaded;
  for (const char* id : {"b1", "c1"}) {
    loaded.settings.of_peers[id]["max-connections"] = "2";
    loaded.origins[origin_key(id, "")] = {Origin::Source::config_file, "lonc.conf", 7};
  }
  const auto problems = settings_without_peer(loaded, two_hosts());
  REQUIRE(problems.size() == 1);
  CHECK(to_string(problems[0]) ==
        "lonc.conf:7: warning: there are settings for the peer \"c1\", which is not in hosts.tab; "
        "correct the id, or remove them");
}

TEST_CASE("hosts.tab is read according to the settings") {
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

  settings.hosts_without_ip = lonc::node::HostsWithoutIp::resolve;
  CHECK(read_host_table(settings).table.hosts.size() == 2);

  settings.host_id = "other";
  CHECK(read_host_table(settings).table.problems.size() == 2);  // the own id is missing
}

TEST_CASE("a missing hosts.tab is an error code, not a crash") {
  const ScratchDir dir;
  Settings settings;
  settings.tab_dir = dir / "none";
  const auto file = read_host_table(settings);
  CHECK(file.error == std::errc::no_such_file_or_directory);
  CHECK(file.table.hosts.empty());
}

TEST_CASE("the space for an id in the path of a socket") {
  CHECK(longest_host_id("/home/httpd/sockets") == 107 - 19 - 1);
  CHECK(longest_host_id(std::string(105, 's')) == 1);
  CHECK(longest_host_id(std::string(106, 's')) == 0);
  CHECK(longest_host_id(std::string(1000, 's')) == 0);
}
