#include "ctl/check/checks.hpp"
#include "ctl/command_table.hpp"
#include "support/catch.hpp"

#include <lonc/core/base/error.hpp>

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

TEST_CASE("a full disk is an error, a nearly full one is a warning") {
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
  // btrfs and others do not count files; for them the number of free files means nothing.
  CHECK_FALSE(judge_room("/x", {.free_bytes = gigabyte, .total_bytes = gigabyte, .free_files = 0, .total_files = 0}));
}

TEST_CASE("the clock is compared with the median of several") {
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

TEST_CASE("the result of a connection to a lond") {
  lonc::core::Host host;
  host.id = "msul1";
  const nlohmann::json away{{"state", "away"}, {"last_error", "Connection refused"}};
  const nlohmann::json starting{{"state", "starting"}};
  CHECK_FALSE(judge_visit(host, "127.0.0.9:5663", {}, "", {}));
  CHECK_FALSE(judge_visit(host, "127.0.0.9:5663", {}, "", starting));
  CHECK(judge_visit(host, "127.0.0.9:5663", {}, "", away)->remedy == "loncctl reconnect msul1");
  const auto refused = judge_visit(host, "127.0.0.9:5663", Errc::handshake_refused, "init", away);
  REQUIRE(refused);
  CHECK(refused->kind == Problem::Kind::error);
  CHECK(refused->text == "msul1 (127.0.0.9:5663): lond refused this server (at init)");
  CHECK(contains(refused->remedy, "hosts.tab"));
  const auto closed =
      judge_visit(host, "127.0.0.9:5663", std::make_error_code(std::errc::connection_refused), "connect", {});
  REQUIRE(closed);
  CHECK(closed->kind == Problem::Kind::warning);
  CHECK(closed->text == "msul1 (127.0.0.9:5663): Connection refused");
}

TEST_CASE("problems that the daemon reports") {
  CHECK(check_daemon(nlohmann::json::object()).empty());
  const nlohmann::json status{{"daemon",
                               {{"problems", {{{"text", "cannot write the pid file"}, {"remedy", "make room"}}}},
                                {"delayed",
                                 {{"trouble", "No space left on device"},
                                  {"remedy", "look at the disk"},
                                  {"quarantined", 2},
                                  {"for_unknown_hosts", 1},
                                  {"doubtful", 1}}}}},
                              {"peers",
                               {{{"id", "msul1"}, {"state", "drained"}},
                                {{"id", "msul2"}, {"state", "up"}},
                                {{"id", "msul3"}, {"state", "given_up"}}}}};
  const auto problems = check_daemon(status);
  REQUIRE(problems.size() == 7);
  CHECK(problems[0].kind == Problem::Kind::error);
  CHECK(problems[0].remedy == "look at the disk");
  CHECK(problems[1].text == "cannot write the pid file");
  CHECK(problems[1].remedy == "make room");
  CHECK(problems[2].text == "2 delayed messages were quarantined and will not be sent");
  CHECK(problems[4].kind == Problem::Kind::note);
  CHECK(problems[5].remedy == "loncctl reconnect msul1");
  CHECK(problems[6].remedy == "loncctl reconnect msul3");
  CHECK(std::ranges::none_of(problems, [](const Problem& problem) { return problem.remedy.empty(); }));
}

TEST_CASE("the verdict of a probe is the first line of ping.pl") {
  CHECK(probe_verdict("msul1\n", "msul1") == "ok");
  CHECK(probe_verdict("msul1\r\nmore", "msul1") == "ok");
  CHECK(probe_verdict("con_lost\n", "msul1") == "con_lost");
  CHECK(probe_verdict("", "msul1").empty());
  CHECK(probe_verdict("\nmsul1", "msul1").empty());
}
