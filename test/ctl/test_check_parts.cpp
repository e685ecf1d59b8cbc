#include "support/catch.hpp"

#include <lonc/core/error.hpp>

#include <loncctl/check_clock.hpp>
#include <loncctl/check_daemon.hpp>
#include <loncctl/check_disk.hpp>
#include <loncctl/check_peers.hpp>
#include <loncctl/probe_command.hpp>

#include <algorithm>
#include <string>

using namespace lonc::ctl;
using lonc::core::Errc;
using lonc::core::Problem;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr std::uint64_t gigabyte = std::uint64_t{1024} * 1024 * 1024;

}  // namespace

TEST_CASE("a full disk is an error, one that fills is a warning") {
  CHECK_FALSE(judge_room("/x", {.free_bytes = gigabyte, .total_bytes = 100 * gigabyte}));
  CHECK_FALSE(judge_room("/x", {.free_bytes = gigabyte / 4, .total_bytes = gigabyte}));
  CHECK(judge_room("/x", {.free_bytes = gigabyte / 100, .total_bytes = gigabyte})->kind == Problem::Kind::warning);
  const auto full = judge_room("/x", {.free_bytes = 4096, .total_bytes = gigabyte});
  REQUIRE(full);
  CHECK(full->kind == Problem::Kind::error);
  CHECK(full->file == "/x");
  CHECK(contains(full->remedy, "df -h /x"));
  const auto crowded =
      judge_room("/x", {.free_bytes = gigabyte, .total_bytes = gigabyte, .free_files = 0, .total_files = 1000});
  REQUIRE(crowded);
  CHECK(contains(crowded->remedy, "df -i /x"));
  // btrfs and others count no files; /proc has no room at all.
  CHECK_FALSE(judge_room("/x", {.free_bytes = gigabyte, .total_bytes = gigabyte, .free_files = 0, .total_files = 0}));
}

TEST_CASE("the clock is judged by the middle of several") {
  CHECK_FALSE(judge_clock({}));
  CHECK_FALSE(judge_clock({{"a", 59s}, {"b", -59s}}));
  CHECK_FALSE(judge_clock({{"a", 0s}, {"b", 9h}, {"c", 1s}}));
  const auto behind = judge_clock({{"a", 3h}, {"b", 3h}, {"c", 1s}});
  REQUIRE(behind);
  CHECK(contains(behind->text, "3h behind those of "));
  const auto ahead = judge_clock({{"a", -5min}});
  REQUIRE(ahead);
  CHECK(ahead->text == "this server's clock is 5m ahead of that of a");
  CHECK(contains(ahead->remedy, "which of the two"));
}

TEST_CASE("what a visit to a lond says") {
  lonc::core::Host host;
  host.id = "msul1";
  PeerState away;
  away.state = "away";
  away.last_error = "Connection refused";
  PeerState starting;
  starting.state = "starting";
  CHECK_FALSE(judge_visit(host, "127.0.0.9:5663", {}, "", nullptr));
  CHECK_FALSE(judge_visit(host, "127.0.0.9:5663", {}, "", &starting));
  CHECK(judge_visit(host, "127.0.0.9:5663", {}, "", &away)->remedy == "loncctl reconnect msul1");
  const auto refused = judge_visit(host, "127.0.0.9:5663", Errc::handshake_refused, "init", &away);
  REQUIRE(refused);
  CHECK(refused->kind == Problem::Kind::error);
  CHECK(refused->text == "msul1 (127.0.0.9:5663): lond refused this server (at init)");
  CHECK(contains(refused->remedy, "hosts.tab"));
  const auto closed =
      judge_visit(host, "127.0.0.9:5663", std::make_error_code(std::errc::connection_refused), "connect", nullptr);
  REQUIRE(closed);
  CHECK(closed->kind == Problem::Kind::warning);
  CHECK(closed->text == "msul1 (127.0.0.9:5663): Connection refused");
}

TEST_CASE("what the daemon says of itself") {
  StatusDocument status;
  CHECK(check_daemon(status).empty());
  status.daemon.spool_trouble = "No space left on device";
  status.daemon.problems = {"cannot write the pid file /l/lonc.pid: No space left on device"};
  status.daemon.quarantined = 2;
  status.daemon.for_unknown_hosts = 1;
  status.daemon.doubtful = 1;
  status.peers.resize(3);
  status.peers[0].id = "msul1";
  status.peers[0].state = "paused";
  status.peers[1].state = "up";
  status.peers[2].id = "msul3";
  status.peers[2].state = "given_up";
  const auto problems = check_daemon(status);
  REQUIRE(problems.size() == 7);
  CHECK(problems[0].kind == Problem::Kind::error);
  CHECK(problems[1].text == status.daemon.problems.front());
  CHECK(problems[2].text == "2 delayed messages were set aside and will not be sent");
  CHECK(problems[4].kind == Problem::Kind::note);
  CHECK(problems[5].remedy == "loncctl reconnect msul1");
  CHECK(problems[6].remedy == "loncctl reconnect msul3");
  CHECK(std::ranges::none_of(problems, [](const Problem& problem) { return problem.remedy.empty(); }));
}

TEST_CASE("the first line of ping.pl counts") {
  CHECK(probe_verdict("msul1\n", "msul1") == "ok");
  CHECK(probe_verdict("msul1\r\nmore", "msul1") == "ok");
  CHECK(probe_verdict("con_lost\n", "msul1") == "con_lost");
  CHECK(probe_verdict("", "msul1").empty());
  CHECK(probe_verdict("\nmsul1", "msul1").empty());
}
