#include "support/catch.hpp"
#include "support/scratch_dir.hpp"

#include <lonc/node/config/command_line.hpp>
#include <lonc/node/config/settings.hpp>
#include <lonc/node/config/settings_loader.hpp>

#include <chrono>
#include <string>
#include <vector>

using lonc::node::CommandLine;
using lonc::node::load_settings;
using lonc::node::LoadedSettings;
using lonc::node::SettingsSources;
using lonc::test::ScratchDir;
using std::chrono::seconds;

namespace {

SettingsSources from(std::vector<std::string> perl, std::string config, std::vector<std::string> assignments) {
  return {std::move(perl), true, std::move(config), true, std::move(assignments)};
}

// The settings from a lonc.conf with this text alone; the id is set.
LoadedSettings load_config(const ScratchDir& dir, std::string_view text) {
  return load_settings(from({}, dir.write("lonc.conf", text), {"host-id=a1"}));
}

std::vector<std::string> told(const LoadedSettings& loaded, const ScratchDir& dir) {
  std::vector<std::string> texts;
  for (const auto& problem : loaded.problems) {
    auto text = to_string(problem);
    const auto prefix = dir / "";
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
    texts.push_back(text);
  }
  return texts;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("command line over own file over PerlSetVar over default, each with its origin") {
  const ScratchDir dir;
  const auto old_file = dir.write("access.conf", "PerlSetVar lonHostID old1\nPerlSetVar londPort 1\n");
  const auto new_file = dir.write("loncapa.conf",
                                  "PerlSetVar lonHostID new1\nPerlSetVar lonDocRoot /html\n"
                                  "PerlSetVar lonAdmEMail a@b\nPerlSetVar notOurs x\n");
  const auto config = dir.write("lonc.conf", "# mine\n\ndoc-root = /own\nlonAdmEMail = c@d # why\nthreads=2\n");
  const auto loaded = load_settings(from({old_file, new_file}, config, {"adm-email=e@f", "threads = 3"}));
  CHECK(loaded.problems.empty());
  CHECK(loaded.is_usable());
  CHECK(loaded.settings.host_id == "new1");
  CHECK(loaded.settings.peer.port == 1);
  CHECK(loaded.settings.doc_root == "/own");
  CHECK(loaded.settings.adm_email == "e@f");
  CHECK(loaded.settings.threads == 3);
  CHECK(loaded.settings.peer.engine.request_timeout == seconds{300});
  CHECK(to_string(loaded.origins.at("host-id")) == new_file + ":1");
  CHECK(to_string(loaded.origins.at("lond-port")) == old_file + ":2");
  CHECK(to_string(loaded.origins.at("doc-root")) == config + ":3");
  CHECK(to_string(loaded.origins.at("adm-email")) == "command line");
  CHECK(to_string(loaded.origins.at("request-timeout")) == "default");
  CHECK(loaded.origins.size() == lonc::node::setting_table().size());
}

TEST_CASE("each bad line of lonc.conf is reported with its number and a remedy") {
  const ScratchDir dir;
  const auto loaded = load_config(dir,
                                  "max-conections = 5\nthreads 4\n= 3\nlond-port = 70000\r\n"
                                  "user = \nlog-level = warning\ncolour = blue\n");
  CHECK_FALSE(loaded.is_usable());
  CHECK(loaded.settings.log.level == lonc::core::Severity::warning);
  CHECK(told(loaded, dir) ==
        Strings{"lonc.conf:1: error: there is no setting \"max-conections\"; did you mean max-connections?",
                "lonc.conf:2: error: \"threads 4\" is not a setting; write NAME = VALUE, and a '#' before a comment",
                "lonc.conf:3: error: there is no setting \"\"; lonc --help lists all settings",
                "lonc.conf:4: error: lond-port: \"70000\" is not a whole number from 1 to 65535; "
                "correct the value, the default is 5663",
                "lonc.conf:5: error: user: \"\" is not the name of a user; correct the value, the default is www",
                "lonc.conf:7: error: there is no setting \"colour\"; lonc --help lists all settings"});
}

TEST_CASE("a section sets values for one peer only") {
  const ScratchDir dir;
  const auto loaded = load_settings(from({},
                                         dir.write("lonc.conf",
                                                   "max-connections = 6\n[peer msul1] # few children\n"
                                                   "max-connections = 2\nrequest-timeout=2m\n\n[ peer  msul2 ]\n"
                                                   "londPort = 99\n[peer msul1]\npong-timeout = 7\n[peer msul9]\n"),
                                         {"host-id=a1", "peer msul1: request-timeout = 1m"}));
  CHECK(told(loaded, dir).empty());
  CHECK(loaded.settings.peer.engine.max_connections == 6);
  CHECK(loaded.settings.peer.engine.request_timeout == seconds{300});
  const auto first = settings_of(loaded.settings, "msul1");
  CHECK(first.peer.engine.max_connections == 2);
  CHECK(first.peer.engine.request_timeout == seconds{60});  // the command line overrides the file
  CHECK(first.peer.engine.pong_timeout == seconds{7});
  CHECK(first.peer.port == 5663);
  CHECK(settings_of(loaded.settings, "msul2").peer.port == 99);
  CHECK(settings_of(loaded.settings, "msul2").peer.engine.max_connections == 6);
  CHECK(settings_of(loaded.settings, "msul3").peer.engine.max_connections == 6);
  CHECK(to_string(loaded.origins.at("max-connections")).ends_with("lonc.conf:1"));
  CHECK(to_string(loaded.origins.at("peer msul1: max-connections")).ends_with("lonc.conf:3"));
  CHECK(to_string(loaded.origins.at("peer msul1: request-timeout")) == "command line");
  CHECK(to_string(loaded.origins.at("peer msul9")).ends_with("lonc.conf:10"));
}

TEST_CASE("bad lines of sections are reported, and settings below a bad section do not apply to all peers") {
  const ScratchDir dir;
  const auto loaded = load_config(dir,
                                  "[peer msul1]\nthreads = 4\nmax-connections = 0\nmin-connections = 2\n"
                                  "min-connections = 20\n[peers]\nmax-queue = 5\n[peer a/b]\n[peer]\n[peer a b\n"
                                  "[peer msul2]\nbackoff-longest = 500ms\nmax-conections = 3\n");
  CHECK(loaded.settings.peer.engine.max_queue == 10'000);
  CHECK(loaded.settings.threads == 1);
  CHECK(told(loaded, dir) ==
        Strings{"lonc.conf:2: error: threads cannot be set for one peer; set it for all, above the first [peer ID]",
                "lonc.conf:3: error: max-connections: \"0\" is not a whole number from 1 to 1000; "
                "correct the value, the default is 10",
                "lonc.conf:5: warning: peer msul1: min-connections was set before, in line 4; this value is used; "
                "remove one of the two lines",
                "lonc.conf:6: error: \"[peers]\" is not the beginning of a section; the lines below it are skipped; "
                "write [peer ID], with an id as in hosts.tab",
                "lonc.conf:8: error: \"[peer a/b]\" is not the beginning of a section; the lines below it are skipped; "
                "write [peer ID], with an id as in hosts.tab",
                "lonc.conf:9: error: \"[peer]\" is not the beginning of a section; the lines below it are skipped; "
                "write [peer ID], with an id as in hosts.tab",
                "lonc.conf:10: error: \"[peer a b\" is not the beginning of a section; the lines below it are skipped; "
                "write [peer ID], with an id as in hosts.tab",
                "lonc.conf:13: error: there is no setting \"max-conections\"; did you mean max-connections?",
                "lonc.conf:5: error: peer msul1: min-connections is 20, more than max-connections, which is 10; "
                "set max-connections to 20 or more, or lower min-connections",
                "lonc.conf:12: error: peer msul2: backoff-first is 1s, more than backoff-longest, which is 500ms; "
                "set backoff-longest to 1s or more, or lower backoff-first"});
}

TEST_CASE("values for one peer on the command line") {
  const ScratchDir dir;
  const auto of = [](const char* assignment) { return load_settings(from({}, "", {"host-id=a1", assignment})); };
  CHECK(settings_of(of("peer msul1:max-connections=2").settings, "msul1").peer.engine.max_connections == 2);
  const Strings no_setting{
      "error: \"peer: max-connections\" names no setting of a peer; write --set 'peer ID: NAME=VALUE'"};
  CHECK(told(of("peer: max-connections=2"), dir) == no_setting);
  CHECK(told(of("msul1: max-connections=2"), dir).size() == 1);
  CHECK(told(of("peer msul1: threads=2"), dir).size() == 1);
  CHECK(told(of("peer msul1=2"), dir).size() == 1);
}

TEST_CASE("if a setting is twice in lonc.conf the later one counts, with a warning") {
  const ScratchDir dir;
  const auto loaded = load_config(dir, "lond-port = 1\nlondPort = 2\n");
  CHECK(loaded.settings.peer.port == 2);
  CHECK(loaded.is_usable());
  CHECK(told(loaded, dir) == Strings{"lonc.conf:2: warning: lond-port was set before, in line 1; this value is used; "
                                     "remove one of the two lines"});
}

TEST_CASE("warnings of PerlSetVar files are reported for lonc's names only, bad values as errors") {
  const ScratchDir dir;
  const auto file = dir.write("loncapa.conf",
                              "  PerlSetVar other 1\n  PerlSetVar lonHostID a1\nPerlSetVar londPort no\n"
                              "PerlSetVar threads 4\n");
  const auto loaded = load_settings(from({file}, "", {}));
  CHECK(loaded.settings.host_id == "a1");
  CHECK(loaded.settings.threads == 1);  // not a PerlSetVar name
  REQUIRE(loaded.problems.size() == 2);
  CHECK(loaded.problems[0].line == 2);
  CHECK(loaded.problems[0].kind == lonc::core::Problem::Kind::warning);
  CHECK(told(loaded, dir)[1] ==
        "loncapa.conf:3: error: londPort: \"no\" is not a whole number from 1 to 65535; "
        "correct the value, the default is 5663");
}

TEST_CASE("a requested file must be readable, a standard one only if it exists") {
  const ScratchDir dir;
  auto sources = from({dir / "none.conf"}, dir / "none2.conf", {"host-id=a1"});
  CHECK(told(load_settings(sources), dir) ==
        Strings{"none.conf: error: cannot be read: No such file or directory; name a file that lonc's user can read",
                "none2.conf: error: cannot be read: No such file or directory; name a file that lonc's user can read"});
  sources.need_config_file = sources.need_perl_set_var_files = false;
  CHECK(load_settings(sources).problems.empty());
  sources.config_file = dir.make_directory("sub");
  CHECK(told(load_settings(sources), dir) ==
        Strings{"sub: error: cannot be read: Is a directory; let lonc's user read it"});
}

TEST_CASE("bad assignments of the command line") {
  const ScratchDir dir;
  CHECK(told(load_settings(from({}, "", {"host-id=a1", "nonsense", "usr=x", "threads=0"})), dir) ==
        Strings{"error: \"nonsense\" is not an assignment; write --set NAME=VALUE",
                "error: there is no setting \"usr\"; did you mean user?",
                "error: threads: \"0\" is not a whole number from 1 to 64; correct the value, the default is 1"});
}

TEST_CASE("a missing or bad id is a single error") {
  const ScratchDir dir;
  CHECK(told(load_settings(from({}, "", {})), dir) ==
        Strings{"error: host-id is not set; set lonHostID in loncapa.conf, or host-id in lonc.conf"});
  CHECK(load_settings(from({}, "", {"host-id=a/b"})).problems.size() == 1);
  CHECK(load_settings(from({}, "", {"lonHostID=a/b"})).problems.size() == 1);
}

TEST_CASE("settings that contradict each other are reported where they were set") {
  const ScratchDir dir;
  CHECK(told(load_config(dir, "max-connections = 2\nmin-connections = 3\n"), dir) ==
        Strings{"lonc.conf:2: error: min-connections is 3, more than max-connections, which is 2; "
                "set max-connections to 3 or more, or lower min-connections"});
  // Once, although a value of a peer was refused.
  CHECK(told(load_config(dir,
                         "max-connections = 2\nmin-connections = 3\n"
                         "[peer msul1]\nlond-port = 99\nmin-connections = 0\n"),
             dir)
            .size() == 2);
  CHECK(told(load_config(dir, "\nbackoff-longest = 0.5\n"), dir) ==
        Strings{"lonc.conf:2: error: backoff-first is 1s, more than backoff-longest, which is 500ms; "
                "set backoff-longest to 1s or more, or lower backoff-first"});
  const auto open = load_config(dir, "socket-mode = 0606\nsocket-group = nobody\n");
  CHECK(open.is_usable());
  CHECK(told(open, dir) == Strings{"lonc.conf:1: warning: socket-mode lets every local user act as this server; "
                                   "leave the last digit 0",
                                   "lonc.conf:2: warning: socket-group has no effect, as socket-mode does not let "
                                   "the group read and write; set socket-mode = 0660"});
}

TEST_CASE("socket-dir and id have to fit in the path of a socket") {
  // The longest path has 107 bytes without the terminating NUL.
  const auto load = [](std::size_t dir_length, const std::string& id) {
    return load_settings(from({}, "", {"host-id=" + id, "socket-dir=/" + std::string(dir_length - 1, 's')}));
  };
  CHECK(load(105, "a").problems.empty());
  REQUIRE(load(105, "ab").problems.size() == 1);
  CHECK(load(105, "ab").problems[0].text ==
        "host-id is 2 bytes long, but only 1 fit in the path of a socket in socket-dir");
  REQUIRE(load(106, "a").problems.size() == 1);
  CHECK(load(106, "a").problems[0].text ==
        "socket-dir is 106 bytes long, which leaves no room for an id in the path of a socket");
}

TEST_CASE("the command line decides which files are read") {
  const auto standard = sources_of(CommandLine{});
  CHECK(standard.perl_set_var_files ==
        Strings{"/etc/httpd/conf/access.conf", "/etc/httpd/conf/loncapa_apache.conf", "/etc/httpd/conf/loncapa.conf"});
  CHECK_FALSE(standard.need_perl_set_var_files);
  CHECK(standard.config_file.ends_with("/lonc/lonc.conf"));
  CHECK_FALSE(standard.need_config_file);

  CommandLine line;
  line.config_file = "/x/own.conf";
  line.perl_set_var_files = {"b.conf", "/a.conf"};
  line.assignments = {"user=one", "threads=2"};
  line.user = "two";
  const auto named = sources_of(line);
  REQUIRE(named.perl_set_var_files.size() == 2);
  CHECK(named.perl_set_var_files[0].starts_with('/'));  // a reload finds it from another directory
  CHECK(named.perl_set_var_files[0].ends_with("/b.conf"));
  CHECK(named.perl_set_var_files[1] == "/a.conf");
  CHECK(named.need_perl_set_var_files);
  CHECK(named.config_file == "/x/own.conf");
  CHECK(named.need_config_file);
  CHECK(named.assignments == Strings{"user=one", "threads=2", "user=two"});
}
