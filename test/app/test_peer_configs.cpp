#include "support/catch.hpp"

#include <lonc/app/peer_configs.hpp>
#include <lonc/app/setting_table.hpp>

#include <map>
#include <string>

using lonc::app::LoadedSettings;
using lonc::app::Origin;
using lonc::app::origin_key;
using lonc::app::peer_configs;
using lonc::app::setting_table;
using lonc::app::Settings;
using lonc::core::HostTable;

namespace {

HostTable two_hosts() {
  return lonc::core::parse_host_table("a1:d:r:a:10.0.0.1\nb1:d:r:b:10.0.0.2\n", "hosts.tab", {});
}

// Another value than the default of each setting that is of use to one peer.
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

TEST_CASE("each setting that may be set for one peer is in force for that one, and for no other") {
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
    // As it would be, were it set for all.
    Settings for_all;
    REQUIRE(setting.set(for_all, other_values.at(setting.name)));
    CHECK(after[1] == peer_configs(for_all, two_hosts())[1]);
  }
}

TEST_CASE("settings for a peer that is not in hosts.tab are told with their place") {
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
