#include "daemon/admin/admin_api.hpp"
#include "daemon/admin/admin_routes.hpp"
#include "daemon/status/status_files.hpp"
#include "daemon/status_support.hpp"
#include "net/net_support.hpp"
#include "support/catch.hpp"

#include <boost/asio/thread_pool.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using lonc::core::Severity;
using lonc::daemon::AdminApi;
using lonc::daemon::AdminReply;
using lonc::daemon::PeerChoice;
using lonc::daemon::PeersDone;
using lonc::daemon::ReloadResult;
using nlohmann::json;

namespace {

// The actions of a daemon that only records its calls.
struct FakeDaemon final : lonc::daemon::DaemonControl {
  void ask_readiness(std::function<void(const std::string&)> done) override { done(why_not_ready); }
  void reconnect(PeerChoice choice, PeersDoneHandler done) override { remember(std::move(choice), done); }
  void drain(PeerChoice choice, PeersDoneHandler done) override { remember(std::move(choice), done); }
  void reload(bool is_forced, ReloadDone done) override {
    was_forced = is_forced;
    done(reloaded);
  }
  Severity log_level() const override { return level; }
  void set_log_level(Severity severity, std::function<void()> done) override {
    level = severity;
    level_done = std::move(done);
    if (is_level_quick) level_done();
  }

  void remember(PeerChoice choice, const PeersDoneHandler& done) {
    asked.push_back(std::move(choice));
    done(result);
  }

  std::string why_not_ready;
  std::vector<PeerChoice> asked;
  PeersDone result{.done = 2};
  ReloadResult reloaded;
  std::optional<bool> was_forced;
  Severity level = Severity::routine;
  bool is_level_quick = true;
  std::function<void()> level_done;
};

struct ActionFixture {
  ActionFixture() { add_action_routes(api, daemon); }

  AdminReply ask(const std::string& method, const std::string& target, const std::string& body = "") {
    std::optional<AdminReply> reply;
    api.handle({method, target, body}, [&](AdminReply answer) { reply = std::move(answer); });
    REQUIRE(reply);
    return *reply;
  }
  AdminReply post(const std::string& target, const std::string& body) { return ask("POST", target, body); }
  static json body_of(const AdminReply& reply) { return json::parse(*reply.body); }

  FakeDaemon daemon;
  AdminApi api;
};

}  // namespace

TEST_CASE("a route is found by target and method; the query is ignored") {
  AdminApi api;
  const auto give = [](const char* text) {
    return [text](const std::string& body, const AdminApi::Done& done) { done({200, text + body}); };
  };
  api.add("GET", "/x", give("got"));
  api.add("POST", "/x", give("posted "));
  const auto ask = [&](const std::string& method, const std::string& target) {
    std::optional<AdminReply> reply;
    api.handle({method, target, "it"}, [&](AdminReply answer) { reply = std::move(answer); });
    return std::to_string(reply->status) + " " + *reply->body;
  };
  CHECK(ask("GET", "/x") == "200 gotit");
  CHECK(ask("POST", "/x?a=b") == "200 posted it");
  CHECK(ask("PUT", "/x") == "405 {\"error\":\"the method must be GET or POST\"}\n");
  CHECK(ask("GET", "/y").starts_with("404 "));
  CHECK(ask("GET", "").starts_with("404 "));
}

TEST_CASE("an exception of a route is answered with an error") {
  AdminApi api;
  api.add("GET", "/x", [](const std::string&, const AdminApi::Done&) { throw std::runtime_error("no"); });
  std::optional<AdminReply> reply;
  api.handle({"GET", "/x", ""}, [&](AdminReply answer) { reply = std::move(answer); });
  REQUIRE(reply);
  CHECK(reply->status == 500);
}

TEST_CASE_METHOD(ActionFixture, "reconnect and drain take peers by name, and reconnect takes all") {
  CHECK(body_of(post("/reconnect", R"({"peers":["msul1","msul2","msul1"]})")) == json{{"done", 2}});
  CHECK(post("/reconnect", R"({"all":true})").status == 200);
  CHECK(post("/drain", R"({"peers":["msul1"]})").status == 200);
  REQUIRE(daemon.asked.size() == 3);
  CHECK(daemon.asked[0].ids == std::set<std::string>{"msul1", "msul2"});
  CHECK_FALSE(daemon.asked[0].is_all);
  CHECK(daemon.asked[1].is_all);
  CHECK(daemon.asked[2].ids == std::set<std::string>{"msul1"});
}

TEST_CASE_METHOD(ActionFixture, "an invalid request has no effect") {
  for (const char* target : {"/reconnect", "/drain"}) {
    for (const char* body : {"", "{}", "[]", "null", "{", R"({"peers":[]})", R"({"peers":"msul1"})", R"({"peers":[1]})",
                             R"({"peers":["a"],"all":true})", R"({"all":false})", R"({"all":1})"}) {
      CAPTURE(target);
      CAPTURE(body);
      CHECK(post(target, body).status == 400);
    }
  }
  CHECK(post("/drain", R"({"all":true})").status == 400);
  CHECK(post("/reload", "[1]").status == 400);
  CHECK(daemon.asked.empty());
}

TEST_CASE_METHOD(ActionFixture, "a body with deeply nested brackets is refused by all routes, whatever its depth") {
  for (const std::size_t depth : {std::size_t{9}, std::size_t{120'000}, std::size_t{1'000'000}}) {
    const std::string nested = std::string(depth, '[') + std::string(depth, ']');
    for (const char* target : {"/drain", "/reconnect", "/log-level", "/reload"}) {
      for (const std::string& body : {R"({"peers":)" + nested + "}", R"({"all":)" + nested + "}",
                                      R"({"level":)" + nested + "}", R"({"a":"\"]","peers":)" + nested + "}", nested}) {
        std::optional<AdminReply> given;
        api.handle({"POST", target, body}, [&](AdminReply reply) { given = std::move(reply); });
        REQUIRE(given);
        CHECK(given->status == 400);
      }
    }
  }
  CHECK(daemon.asked.empty());
}

TEST_CASE_METHOD(ActionFixture, "an unknown peer and a daemon that is stopping are reported") {
  daemon.result = {.unknown = "nobody"};
  CHECK(post("/drain", R"({"peers":["nobody"]})").status == 404);
  CHECK(body_of(post("/drain", R"({"peers":["nobody"]})"))["error"] == "there is no peer nobody in hosts.tab");
  daemon.result = {.is_stopping = true};
  CHECK(post("/reconnect", R"({"all":true})").status == 503);
}

TEST_CASE_METHOD(ActionFixture, "a reload is forced only if requested") {
  CHECK(post("/reload", "").status == 200);
  CHECK(daemon.was_forced == false);
  CHECK(post("/reload", R"({"force": true})").status == 200);
  CHECK(daemon.was_forced == true);
  CHECK(post("/reload", R"({"force": false})").status == 200);
  CHECK(daemon.was_forced == false);
  daemon.was_forced.reset();
  for (const char* body : {R"({"force": 1})", R"({"force": true, "all": true})", "true", "{"}) {
    CAPTURE(body);
    CHECK(post("/reload", body).status == 400);
    CHECK_FALSE(daemon.was_forced);
  }
}

TEST_CASE_METHOD(ActionFixture, "a reload reports what it changed, or why it changed nothing") {
  daemon.reloaded.peers = 5;
  daemon.reloaded.change = {.added = 1, .removed = 2, .moved = 3, .adjusted = 4};
  daemon.reloaded.needs_restart = {"threads"};
  daemon.reloaded.problems = {
      {lonc::core::Problem::Kind::warning, "hosts.tab", 7, "a host without an address", "give one"}};
  const AdminReply reply = post("/reload", "{}");
  CHECK(reply.status == 200);
  const json body = body_of(reply);
  CHECK(body["peers"] == 5);
  CHECK(body["added"] == 1);
  CHECK(body["removed"] == 2);
  CHECK(body["moved"] == 3);
  CHECK(body["adjusted"] == 4);
  CHECK(body["needs_restart"] == json{"threads"});
  REQUIRE(body["problems"].size() == 1);
  CHECK(body["problems"][0].get<std::string>().find("hosts.tab:7") != std::string::npos);

  daemon.reloaded.error = "the settings cannot be used";
  CHECK(post("/reload", "").status == 409);
  CHECK(body_of(post("/reload", ""))["error"] == "the settings cannot be used");
  CHECK(body_of(post("/reload", ""))["problems"].size() == 1);
}

TEST_CASE_METHOD(ActionFixture, "the log level is reported and set with the words of the setting") {
  CHECK(body_of(ask("GET", "/log-level")) == json{{"level", "info"}});
  CHECK(body_of(post("/log-level", R"({"level":"debug"})")) == json{{"level", "debug"}});
  CHECK(daemon.level == Severity::debug);
  for (const char* body : {"", "{}", R"({"level":"loud"})", R"({"level":1})"})
    CHECK(post("/log-level", body).status == 400);
  CHECK(daemon.level == Severity::debug);
  CHECK(*post("/log-level", "{}").body ==
        "{\"error\":\"the body must be {\\\"level\\\": LEVEL}, with one of debug, info, warning, critical\"}\n");
}

TEST_CASE_METHOD(ActionFixture, "a new log level is reported once it is in force") {
  daemon.is_level_quick = false;
  std::optional<AdminReply> reply;
  api.handle({"POST", "/log-level", R"({"level":"debug"})"}, [&](AdminReply answer) { reply = std::move(answer); });
  CHECK_FALSE(reply);
  REQUIRE(daemon.level_done);
  daemon.level_done();
  REQUIRE(reply);
  CHECK(body_of(*reply) == json{{"level", "debug"}});
}

TEST_CASE("readiness is answered by the daemon, the status by the text rendered from a snapshot") {
  FakeDaemon daemon;
  lonc::test::FakeStatusSource source;
  boost::asio::io_context io;
  const lonc::net::Strand strand = boost::asio::make_strand(io);
  lonc::daemon::StatusBoard board(strand, source);
  boost::asio::thread_pool pool(1);
  lonc::daemon::RenderedCache status(strand, board, pool, [](const auto&) { return std::string("{}"); });
  lonc::daemon::RenderedCache metrics(strand, board, pool, [](const auto&) -> std::string { throw std::bad_alloc(); });
  AdminApi api;
  add_status_routes(api, daemon, status, metrics);
  const auto get = [&](const std::string& target) {
    std::optional<AdminReply> reply;
    api.handle({"GET", target, ""}, [&](AdminReply answer) { reply = std::move(answer); });
    REQUIRE(lonc::test::run_until(io, [&] { return reply.has_value(); }));
    return std::to_string(reply->status) + " " + *reply->body;
  };
  CHECK(get("/readyz") == "200 ok\n");
  daemon.why_not_ready = "there is no socket for msul3";
  CHECK(get("/readyz") == "503 {\"error\":\"there is no socket for msul3\"}\n");
  CHECK(get("/healthz") == "200 ok\n");
  CHECK(get("/status") == "200 {}");
  CHECK(get("/metrics").starts_with("500 "));
  CHECK(get("/").starts_with("200 <!DOCTYPE html>"));
}

TEST_CASE("the status page is built into the program") {
  CHECK(lonc::daemon::status_page().starts_with("<!DOCTYPE html>"));
  CHECK(lonc::daemon::status_page().ends_with("</html>\n"));
}
