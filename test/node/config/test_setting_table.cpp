#include "support/catch.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/config/settings.hpp>
#include <lonc/os/files.hpp>

#include <chrono>
#include <set>
#include <string>
#include <vector>

using lonc::core::Severity;
using lonc::node::find_setting;
using lonc::node::HostsWithoutIp;
using lonc::node::LogTarget;
using lonc::node::nearest_setting_name;
using lonc::node::setting_table;
using lonc::node::Settings;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

bool accepts(const char* name, std::string_view text) {
  Settings settings;
  return find_setting(name)->set(settings, text);
}

std::string written_as(const char* name, std::string_view text) {
  Settings settings;
  REQUIRE(find_setting(name)->set(settings, text));
  return find_setting(name)->get(settings);
}

}  // namespace

TEST_CASE("every setting is named once, explained, and accepts its own default") {
  std::set<std::string> names;
  for (const auto& setting : setting_table()) {
    CAPTURE(setting.name);
    CHECK(names.insert(setting.name).second);
    if (!setting.alias.empty()) CHECK(names.insert(setting.alias).second);
    CHECK(setting.help.ends_with('.'));
    CHECK_FALSE(setting.accepts.empty());
    CHECK_FALSE(setting.group.empty());
    CHECK(setting.default_text == setting.get(Settings{}));
    Settings settings;
    if (setting.name == "host-id") continue;  // has no default
    CHECK(setting.set(settings, setting.default_text));
    CHECK(settings == Settings{});
  }
}

TEST_CASE("delayed-first is a duration or strict") {
  CHECK(written_as("delayed-first", "strict") == "strict");
  CHECK(written_as("delayed-first", "0") == "0s");
  CHECK_FALSE(accepts("delayed-first", "25h"));
  CHECK_FALSE(accepts("delayed-first", "loose"));
}

TEST_CASE("admin-address must be a loopback address") {
  for (const char* good : {"", "127.0.0.1:9563", "127.9.8.7:1", "[::1]:65535"}) {
    CAPTURE(good);
    CHECK(written_as("admin-address", good) == good);
  }
  for (const char* bad :
       {"0.0.0.0:9563", "192.0.2.1:9563", "[::]:9563", "::1:9563", "[127.0.0.1]:1", "127.0.0.1",
        "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "localhost:9563", "[::1]9563", "[::1", "9563", ":9563"}) {
    CAPTURE(bad);
    CHECK_FALSE(accepts("admin-address", bad));
  }
}

TEST_CASE("status-interval is a duration, or 0 for never") {
  CHECK(written_as("status-interval", "0") == "0s");
  CHECK(written_as("status-interval", "1h") == "1h");
  CHECK_FALSE(accepts("status-interval", "999ms"));
  CHECK_FALSE(accepts("status-interval", "3601"));
}

TEST_CASE("each setter changes its own field") {
  Settings s;
  const std::vector<std::pair<const char*, const char*>> values = {{"host-id", "msul1"},
                                                                   {"lonSockDir", "/s/"},
                                                                   {"lonDaemons", "/d"},
                                                                   {"lonTabDir", "/t"},
                                                                   {"lonDocRoot", "/"},
                                                                   {"londPort", "1234"},
                                                                   {"lonAdmEMail", "a@b, c@d"},
                                                                   {"lonSysEMail", "root"},
                                                                   {"user", "me"},
                                                                   {"socket-mode", "660"},
                                                                   {"socket-group", "grp"},
                                                                   {"sendmail", ""},
                                                                   {"threads", "4"},
                                                                   {"admin-socket", "/a"},
                                                                   {"admin-group", "adm"},
                                                                   {"admin-address", "127.0.0.1:9563"},
                                                                   {"status-interval", "33"},
                                                                   {"hosts-without-ip", "resolve"},
                                                                   {"resolve-timeout", "6"},
                                                                   {"connect-wait", "7s"},
                                                                   {"connect-timeout", "8"},
                                                                   {"pong-timeout", "9"},
                                                                   {"request-timeout", "10"},
                                                                   {"idle-timeout", "11"},
                                                                   {"exit-timeout", "12"},
                                                                   {"drain-timeout", "13"},
                                                                   {"backoff-first", "14"},
                                                                   {"backoff-longest", "15"},
                                                                   {"keepalive-idle", "16"},
                                                                   {"keepalive-interval", "17"},
                                                                   {"keepalive-count", "18"},
                                                                   {"tcp-user-timeout", "19"},
                                                                   {"min-connections", "20"},
                                                                   {"max-connections", "21"},
                                                                   {"max-attempts", "22"},
                                                                   {"max-connecting", "23"},
                                                                   {"pipeline-depth", "32"},
                                                                   {"pipeline-safe", "ls,get"},
                                                                   {"pipeline-trust", "5m"},
                                                                   {"delayed-min-age", "27"},
                                                                   {"delayed-first", "strict"},
                                                                   {"delayed-timeout", "28"},
                                                                   {"delayed-max-attempts", "29"},
                                                                   {"delayed-sync-batch", "30"},
                                                                   {"delayed-rescan", "31"},
                                                                   {"max-clients", "24"},
                                                                   {"max-queue", "25"},
                                                                   {"max-line-length", "64k"},
                                                                   {"max-client-memory", "3M"},
                                                                   {"log-level", "debug"},
                                                                   {"log-target", "stderr"},
                                                                   {"log-queue", "26"}};
  CHECK(values.size() == setting_table().size());
  for (const auto& [name, text] : values) {
    CAPTURE(name);
    REQUIRE(find_setting(name) != nullptr);
    CHECK(find_setting(name)->set(s, text));
  }
  Settings expected;
  expected.host_id = "msul1";
  expected.socket_dir = "/s";
  expected.daemon_dir = "/d";
  expected.tab_dir = "/t";
  expected.doc_root = "/";
  expected.peer.port = 1234;
  expected.adm_email = "a@b, c@d";
  expected.sys_email = "root";
  expected.user = "me";
  expected.peer.socket_mode = 0660;
  expected.peer.socket_group = "grp";
  expected.sendmail = "";
  expected.threads = 4;
  expected.admin_socket = "/a";
  expected.admin_group = "adm";
  expected.admin_address = "127.0.0.1:9563";
  expected.status_interval = seconds{33};
  expected.hosts_without_ip = HostsWithoutIp::resolve;
  expected.peer.resolve_timeout = seconds{6};
  expected.peer.engine.connect_wait = seconds{7};
  expected.peer.engine.connect_timeout = seconds{8};
  expected.peer.engine.pong_timeout = seconds{9};
  expected.peer.engine.request_timeout = seconds{10};
  expected.peer.engine.idle_timeout = seconds{11};
  expected.peer.engine.exit_timeout = seconds{12};
  expected.drain_timeout = seconds{13};
  expected.peer.engine.backoff_first = seconds{14};
  expected.peer.engine.backoff_longest = seconds{15};
  expected.peer.keep_alive.idle = seconds{16};
  expected.peer.keep_alive.interval = seconds{17};
  expected.peer.keep_alive.count = 18;
  expected.peer.keep_alive.user_timeout = seconds{19};
  expected.peer.engine.min_connections = 20;
  expected.peer.engine.max_connections = 21;
  expected.peer.engine.max_attempts = 22;
  expected.max_connecting = 23;
  expected.peer.engine.pipeline_depth = 32;
  expected.peer.engine.pipeline_safe = lonc::core::CommandSet::parse("get, ls").value();
  expected.peer.engine.pipeline_trust = std::chrono::minutes{5};
  expected.delayed.spool.min_age = seconds{27};
  expected.peer.engine.delayed_first = lonc::core::Duration::max();
  expected.peer.engine.delayed_timeout = seconds{28};
  expected.peer.engine.delayed_max_attempts = 29;
  expected.delayed.spool.batch = 30;
  expected.delayed.rescan = seconds{31};
  expected.max_clients = 24;
  expected.peer.engine.max_queue = 25;
  expected.peer.engine.max_line_length = 65536;
  expected.max_client_memory = 3 * 1024 * 1024;
  expected.log.level = Severity::debug;
  expected.log.target = LogTarget::standard_error;
  expected.log.queue = 26;
  CHECK(s == expected);
}

TEST_CASE("durations have units, fractions and a range") {
  Settings settings;
  REQUIRE(find_setting("connect-wait")->set(settings, "0.5"));
  CHECK(settings.peer.engine.connect_wait == milliseconds{500});
  CHECK(written_as("connect-wait", "0.5") == "500ms");
  CHECK(written_as("connect-wait", "250ms") == "250ms");
  CHECK(written_as("connect-wait", "1.5m") == "90s");
  CHECK(written_as("connect-wait", "0") == "0s");
  CHECK(written_as("request-timeout", "2h") == "2h");
  CHECK(written_as("request-timeout", "90m") == "5400s");
  CHECK(accepts("request-timeout", "24h"));
  for (const auto* bad : {"", "s", ".5", "5.", "1..5", "-1", "+1", "1e3", "0x1", "nan", "inf", "5 s", "5d", "5S",
                          "24.1h", "99ms", "99999999999999999999999999h"}) {
    CAPTURE(bad);
    CHECK_FALSE(accepts("request-timeout", bad));
  }
  CHECK_FALSE(accepts("keepalive-idle", "1500ms"));  // the system uses whole seconds
  CHECK(accepts("keepalive-idle", "2000ms"));
}

TEST_CASE("numbers, sizes, modes, paths and words are limited to their range") {
  CHECK_FALSE(accepts("lond-port", "0"));
  CHECK(accepts("lond-port", "65535"));
  CHECK_FALSE(accepts("lond-port", "65536"));
  CHECK_FALSE(accepts("lond-port", "99999999999999999999"));
  CHECK_FALSE(accepts("threads", "1x"));
  CHECK_FALSE(accepts("threads", ""));
  CHECK_FALSE(accepts("threads", "-1"));
  CHECK(written_as("max-line-length", "2048k") == "2M");
  CHECK(written_as("max-line-length", "1025") == "1025");
  CHECK_FALSE(accepts("max-line-length", "1023"));
  CHECK_FALSE(accepts("max-line-length", "2000M"));
  CHECK_FALSE(accepts("max-line-length", "18446744073709551615M"));
  CHECK_FALSE(accepts("max-line-length", "k"));
  CHECK(written_as("socket-mode", "0660") == "0660");
  for (const auto* bad : {"0400", "0060", "1777", "0680", "rw", ""}) CHECK_FALSE(accepts("socket-mode", bad));
  for (const auto* bad : {"", "sockets", "./s", "/a\nb"}) CHECK_FALSE(accepts("socket-dir", bad));
  for (const auto* bad : {"", ".", "..", "a/b", "a:b", "a\tb", "delayed"}) CHECK_FALSE(accepts("host-id", bad));
  for (const auto* bad : {"", "a:b", "a b", "-x"}) CHECK_FALSE(accepts("user", bad));
  CHECK_FALSE(accepts("adm-email", "-bv"));
  CHECK_FALSE(accepts("sendmail", "sendmail"));
  CHECK_FALSE(accepts("log-level", "loud"));
  CHECK_FALSE(accepts("log-level", ""));
}

TEST_CASE("a value that is not acceptable changes nothing") {
  for (const auto& setting : setting_table()) {
    CAPTURE(setting.name);
    Settings settings;
    CHECK_FALSE(setting.set(settings, "\x01"));
    CHECK(settings == Settings{});
  }
}

TEST_CASE("the range is described in words") {
  CHECK(find_setting("lond-port")->accepts == "a whole number from 1 to 65535");
  CHECK(find_setting("request-timeout")->accepts == "a duration from 100ms to 24h");
  CHECK(find_setting("keepalive-idle")->accepts == "a duration from 1s to 9h, in whole seconds");
  CHECK(find_setting("max-line-length")->accepts == "a number of bytes from 1k to 1024M");
  CHECK(find_setting("log-target")->accepts == "one of auto, file, stderr, both, journal");
}

TEST_CASE("the most similar name is found, if one is similar enough") {
  CHECK(nearest_setting_name("request-timout") == "request-timeout");
  CHECK(nearest_setting_name("request_timeout") == "request-timeout");
  CHECK(nearest_setting_name("lonHostId") == "lonHostID");
  CHECK(nearest_setting_name("max-conections") == "max-connections");
  CHECK(nearest_setting_name("colour").empty());
  CHECK(nearest_setting_name("").empty());
  CHECK(nearest_setting_name(std::string(100'000, 'x')).empty());
}

TEST_CASE("a reload keeps settings that need a restart, and reports them") {
  Settings running;
  running.host_id = "a1";
  Settings loaded = running;
  loaded.socket_dir = "/elsewhere";
  loaded.threads = 3;
  loaded.peer.engine.request_timeout = seconds{1};
  CHECK(keep_not_reloadable(running, loaded) == std::vector<std::string>{"socket-dir", "threads"});
  CHECK(loaded.socket_dir == running.socket_dir);
  CHECK(loaded.threads == 1);
  CHECK(loaded.peer.engine.request_timeout == seconds{1});
}

TEST_CASE("the installed configuration shows every setting with its default") {
  std::string text;
  REQUIRE_FALSE(lonc::os::read_file(LONC_DEFAULT_CONF, text));
  std::vector<std::string> shown;
  lonc::core::for_each_line(text, [&](std::string_view line, std::size_t number) {
    CAPTURE(number);
    CAPTURE(line);
    CHECK(line.size() <= 200);  // pipeline-safe
    if (line.empty() || line == "#" || line.starts_with("# ")) return;
    REQUIRE(line.starts_with('#'));  // no setting is active
    const auto end = line.find('=');
    REQUIRE(end != std::string_view::npos);
    const auto* setting = find_setting(lonc::core::trim(line.substr(1, end - 1)));
    REQUIRE(setting != nullptr);
    CHECK(lonc::core::trim(line.substr(end + 1)) == setting->default_text);
    shown.push_back(setting->name);
  });
  std::vector<std::string> all;
  for (const auto& setting : setting_table()) all.push_back(setting.name);
  CHECK(shown == all);
}
