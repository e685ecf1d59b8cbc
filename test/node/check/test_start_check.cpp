#include "support/catch.hpp"
#include "support/scratch_dir.hpp"

#include <lonc/node/check/start_check.hpp>

#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

using lonc::core::Problem;
using lonc::node::check;
using lonc::node::collect_problems;
using lonc::node::load_settings;
using lonc::node::LoadedSettings;
using lonc::node::read_host_table;
using lonc::test::ScratchDir;

namespace {

// An installation in which lonc could start, for any user who runs the test.
struct Node {
  Node() {
    dir.make_directory("sockets");
    dir.make_directory("perl/logs");
    dir.make_directory("html/lon-status");
    write_hosts("a1:d:library:n:127.0.0.1\nb1:d:access:b.x.edu:http\n");
  }

  void write_hosts(std::string_view text) const { dir.write("tabs/hosts.tab", text); }

  LoadedSettings load(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> assignments = {"host-id=a1",
                                            "socket-dir=" + dir / "sockets",
                                            "daemon-dir=" + dir / "perl",
                                            "tab-dir=" + dir / "tabs",
                                            "doc-root=" + dir / "html",
                                            "max-clients=8",
                                            "user=" + std::string(::getpwuid(::geteuid())->pw_name)};
    assignments.insert(assignments.end(), more.begin(), more.end());
    return load_settings({{}, false, "", false, assignments});
  }

  lonc::node::CheckReport report(const std::vector<std::string>& more = {}) const {
    const auto loaded = load(more);
    return check(loaded, read_host_table(loaded.settings));
  }

  ScratchDir dir;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a good node would start, and its settings are shown with their origins") {
  const Node node;
  const auto report = node.report();
  CAPTURE(report.text);
  CHECK(report.would_start);
  CHECK(report.text.starts_with("Effective settings:\n"));
  CHECK(contains(report.text, "\n  host-id              = a1 "));
  CHECK(contains(report.text, "  # command line\n"));
  CHECK(contains(report.text, "\n  request-timeout      = 300s "));
  CHECK(contains(report.text, "  # default\n"));
  CHECK(
      contains(report.text, "\nPeers: 2 in " + node.dir / "tabs/hosts.tab" + ", 1 of them to be looked up by name\n"));
  CHECK_FALSE(contains(report.text, "Problems:"));
  CHECK(report.text.ends_with("\nlonc would start.\n"));
}

TEST_CASE("bad lines of hosts.tab are reported, but lonc would start") {
  const Node node;
  node.write_hosts("a1:d:library:n:127.0.0.1\nnonsense\n");
  const auto report = node.report();
  CHECK(report.would_start);
  CHECK(contains(report.text, node.dir / "tabs/hosts.tab" + ":2: error: too few fields; "));
}

TEST_CASE("a hosts.tab without hosts is a warning, a missing one is an error") {
  const Node node;
  node.write_hosts("# nothing\n");
  CHECK(node.report().would_start);
  CHECK(contains(node.report().text, "hosts.tab: warning: there is no usable host in it; "));
  std::filesystem::remove(node.dir / "tabs/hosts.tab");
  CHECK_FALSE(node.report().would_start);
  CHECK(contains(node.report().text, "hosts.tab: error: cannot be read: No such file or directory; let "));
  CHECK(contains(node.report().text, "Peers: none"));
}

TEST_CASE("errors in the settings keep lonc from starting") {
  const Node node;
  const auto report = node.report({"threads=many"});
  CHECK_FALSE(report.would_start);
  CHECK(contains(report.text, "error: threads: \"many\""));
  CHECK(report.text.ends_with("\nlonc would not start.\n"));
}

TEST_CASE("hosts.tab is checked even if the settings are bad") {
  const Node node;
  node.write_hosts("a1:d:library:n:127.0.0.1\nnonsense\n");
  const auto loaded = node.load({"threads=many"});
  const auto report = check(loaded, {});
  CHECK_FALSE(report.would_start);
  CHECK(contains(report.text, "Peers: 1 in "));
  CHECK(contains(report.text, "hosts.tab:2: error: too few fields"));
  CHECK(collect_problems(loaded, {}).problems.size() == 1);
}

TEST_CASE("directories must exist; a missing lon-status is only a warning") {
  const Node node;
  std::filesystem::remove(node.dir / "html/lon-status");
  const auto no_status = node.report();
  CHECK(no_status.would_start);
  CHECK(contains(no_status.text, "warning: " + node.dir / "html/lon-status" + " cannot be used: No such file"));

  const auto no_sockets = node.report({"socket-dir=" + node.dir / "none"});
  CHECK_FALSE(no_sockets.would_start);
  CHECK(contains(no_sockets.text, "error: " + node.dir / "none" + " cannot be used: No such file"));
  CHECK(contains(no_sockets.text, "or correct socket-dir"));

  std::filesystem::remove(node.dir / "perl/logs");
  node.dir.write("perl/logs", "a file");
  const auto no_logs = node.report();
  CHECK_FALSE(no_logs.would_start);
  CHECK(contains(no_logs.text, "error: " + node.dir / "perl/logs" + " cannot be used: Not a directory"));
}

TEST_CASE("a directory must be writable") {
  if (::geteuid() == 0) return;  // root may write everywhere
  const Node node;
  std::filesystem::permissions(node.dir / "sockets", std::filesystem::perms::owner_read);
  CHECK_FALSE(node.report().would_start);
  CHECK(contains(node.report().text, "cannot be used: Permission denied"));
}

TEST_CASE("the user must exist and be the current one, the group must exist") {
  const Node node;
  CHECK_FALSE(node.report({"user=no-such-user-here"}).would_start);
  CHECK(contains(node.report({"user=no-such-user-here"}).text,
                 "error: the user `no-such-user-here` that lonc must run as does not exist here; "));

  const std::string other = ::geteuid() == 0 ? "daemon" : "root";
  CHECK_FALSE(node.report({"user=" + other}).would_start);
  CHECK(contains(node.report({"user=" + other}).text, "lonc must be run as user `" + other + "` and was started as "));

  const std::vector<std::string> no_group = {"socket-mode=0660", "socket-group=no-such-group-here"};
  CHECK_FALSE(node.report(no_group).would_start);
  CHECK(contains(node.report(no_group).text, "error: there is no group no-such-group-here; "));
}

TEST_CASE("too few descriptors are a warning") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_max > 900'000'000) return;  // no number of peers reaches it
  const Node node;
  const auto loaded = node.load();
  CHECK(lonc::node::check_machine(loaded, 2).empty());
  const auto problems = lonc::node::check_machine(loaded, limit.rlim_max);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].kind == Problem::Kind::warning);
  CHECK(contains(problems[0].text, "only " + std::to_string(limit.rlim_max) + " are allowed"));
}

TEST_CASE("problems are in the order settings, machine, hosts.tab") {
  const Node node;
  node.write_hosts("bad\n");
  const auto loaded = node.load({"socket-mode=0666", "doc-root=/none"});
  const auto findings = collect_problems(loaded, read_host_table(loaded.settings));
  CHECK(findings.would_start);
  REQUIRE(findings.problems.size() == 5);
  CHECK(contains(findings.problems[0].text, "socket-mode"));
  CHECK(contains(findings.problems[1].text, "/none/lon-status"));
  CHECK(findings.problems[2].line == 1);
  CHECK(contains(findings.problems[3].text, "own id"));
  CHECK(contains(findings.problems[4].text, "no usable host"));
}

TEST_CASE("settings for one peer are shown with their origin") {
  const Node node;
  const auto report =
      node.report({"peer a2: max-connections=2", "peer a2: request-timeout = 90s", "peer b1: max-queue=5"});
  CAPTURE(report.text);
  CHECK(contains(report.text,
                 "\nFor the peer a2:\n  max-connections = 2  # command line\n"
                 "  request-timeout = 90s  # command line\n\nFor the peer b1:\n  max-queue = 5"));
}

TEST_CASE("a log that is a link or not a regular file is reported; /dev/null is accepted") {
  const Node node;
  const std::string log = node.dir / "perl/logs/lonc.log";
  const std::string permanent = node.dir / "perl/logs/lonnet.perm.log";
  node.dir.write("perl/logs/lonc.log", "");
  std::filesystem::create_symlink("/dev/null", permanent);
  CHECK_FALSE(contains(node.report().text, "cannot be written"));
  std::filesystem::remove(permanent);
  std::filesystem::create_symlink(log, permanent);
  std::filesystem::remove(log);
  std::filesystem::create_directory(log);
  const auto report = node.report();
  CHECK(report.would_start);
  CHECK(contains(report.text, "warning: " + permanent + " cannot be written: it is a link"));
  CHECK(contains(report.text, "warning: " + log + " cannot be written: it is not a plain file"));
}
