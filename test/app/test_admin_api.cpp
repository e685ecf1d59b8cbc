#include "support/catch.hpp"

#include <lonc/app/admin_action_routes.hpp>
#include <lonc/app/admin_api.hpp>
#include <lonc/app/status_page.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

using lonc::app::AdminApi;
using lonc::app::AdminReply;
using lonc::app::PeerChoice;
using lonc::app::PeersDone;
using lonc::app::ReloadResult;
using lonc::core::Severity;
using nlohmann::json;

namespace {

// The actions of a daemon that does nothing but remember what it was asked.
struct ActionFixture {
  ActionFixture() {
    const auto remember = [this](const PeerChoice& choice, const std::function<void(PeersDone)>& done) {
      asked.push_back(choice);
      done(result);
    };
    add_action_routes(api, {.reconnect = remember,
                            .drain = remember,
                            .reload =
                                [this](bool is_forced, const auto& done) {
                                  was_forced = is_forced;
                                  done(reloaded);
                                },
                            .log_level = [this] { return level; },
                            .set_log_level =
                                [this](Severity severity, const auto& done) {
                                  level = severity;
                                  level_done = done;
                                  if (is_level_quick) done();
                                }});
  }

  AdminReply ask(const std::string& method, const std::string& target, const std::string& body = "") {
    std::optional<AdminReply> reply;
    api.handle({method, target, body}, [&](AdminReply answer) { reply = std::move(answer); });
    REQUIRE(reply);
    return *reply;
  }
  AdminReply post(const std::string& target, const std::string& body) { return ask("POST", target, body); }
  static json body_of(const AdminReply& reply) { return json::parse(*reply.body); }

  std::vector<PeerChoice> asked;
  PeersDone result{.done = 2};
  ReloadResult reloaded;
  std::optional<bool> was_forced;
  Severity level = Severity::notice;
  bool is_level_quick = true;
  std::function<void()> level_done;
  AdminApi api;
};

}  // namespace

TEST_CASE("a call is found by target and method, and the query does not count") {
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
  CHECK(ask("PUT", "/x") == "405 {\"error\":\"the method here is GET or POST\"}\n");
  CHECK(ask("GET", "/y").starts_with("404 "));
  CHECK(ask("GET", "").starts_with("404 "));
}

TEST_CASE_METHOD(ActionFixture, "reconnect and drain take peers by name, and reconnect takes all") {
  CHECK(body_of(post("/reconnect", R"({"peers":["msul1","msul2","msul1"]})")) == json{{"done", 2}});
  CHECK(post("/reconnect", R"({"all":true})").status == 200);
  CHECK(post("/drain", R"({"peers":["msul1"]})").status == 200);
  REQUIRE(asked.size() == 3);
  CHECK(asked[0].ids == std::set<std::string>{"msul1", "msul2"});
  CHECK_FALSE(asked[0].is_all);
  CHECK(asked[1].is_all);
  CHECK(asked[2].ids == std::set<std::string>{"msul1"});
}

TEST_CASE_METHOD(ActionFixture, "what is not understood does nothing") {
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
  CHECK(asked.empty());
}

TEST_CASE_METHOD(ActionFixture, "a body of nothing but brackets is refused by all calls, whatever its depth") {
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
  CHECK(asked.empty());
}

TEST_CASE_METHOD(ActionFixture, "an unknown peer and a daemon that is stopping are told") {
  result = {.unknown = "nobody"};
  CHECK(post("/drain", R"({"peers":["nobody"]})").status == 404);
  CHECK(body_of(post("/drain", R"({"peers":["nobody"]})"))["error"] == "there is no peer nobody in hosts.tab");
  result = {.is_stopping = true};
  CHECK(post("/reconnect", R"({"all":true})").status == 503);
}

TEST_CASE_METHOD(ActionFixture, "a reload is forced only when that is asked for") {
  CHECK(post("/reload", "").status == 200);
  CHECK(was_forced == false);
  CHECK(post("/reload", R"({"force": true})").status == 200);
  CHECK(was_forced == true);
  CHECK(post("/reload", R"({"force": false})").status == 200);
  CHECK(was_forced == false);
  was_forced.reset();
  for (const char* body : {R"({"force": 1})", R"({"force": true, "all": true})", "true", "{"}) {
    CAPTURE(body);
    CHECK(post("/reload", body).status == 400);
    CHECK_FALSE(was_forced);
  }
}

TEST_CASE_METHOD(ActionFixture, "a reload says what it changed, or why nothing") {
  reloaded.peers = 5;
  reloaded.change = {.added = 1, .removed = 2, .replaced = 3, .adjusted = 4};
  reloaded.needs_restart = {"threads"};
  reloaded.problems = {{lonc::core::Problem::Kind::warning, "hosts.tab", 7, "a host without an address", "give one"}};
  const AdminReply reply = post("/reload", "{}");
  CHECK(reply.status == 200);
  const json body = body_of(reply);
  CHECK(body["peers"] == 5);
  CHECK(body["added"] == 1);
  CHECK(body["removed"] == 2);
  CHECK(body["replaced"] == 3);
  CHECK(body["adjusted"] == 4);
  CHECK(body["needs_restart"] == json{"threads"});
  REQUIRE(body["problems"].size() == 1);
  CHECK(body["problems"][0].get<std::string>().find("hosts.tab:7") != std::string::npos);

  reloaded.error = "the settings can not be used";
  CHECK(post("/reload", "").status == 409);
  CHECK(body_of(post("/reload", ""))["error"] == "the settings can not be used");
  CHECK(body_of(post("/reload", ""))["problems"].size() == 1);
}

TEST_CASE_METHOD(ActionFixture, "the log level is told and set by the words of the setting") {
  CHECK(body_of(ask("GET", "/log-level")) == json{{"level", "info"}});
  CHECK(body_of(post("/log-level", R"({"level":"debug"})")) == json{{"level", "debug"}});
  CHECK(level == Severity::debug);
  for (const char* body : {"", "{}", R"({"level":"loud"})", R"({"level":1})"})
    CHECK(post("/log-level", body).status == 400);
  CHECK(level == Severity::debug);
  CHECK(*post("/log-level", "{}").body ==
        "{\"error\":\"the body has to be {\\\"level\\\": LEVEL}, with one of debug, info, warning, critical\"}\n");
}

TEST_CASE_METHOD(ActionFixture, "a new log level is told when it is in force") {
  is_level_quick = false;
  std::optional<AdminReply> reply;
  api.handle({"POST", "/log-level", R"({"level":"debug"})"}, [&](AdminReply answer) { reply = std::move(answer); });
  CHECK_FALSE(reply);
  REQUIRE(level_done);
  level_done();
  REQUIRE(reply);
  CHECK(body_of(*reply) == json{{"level", "debug"}});
}

TEST_CASE("the status page is in the program as it is in config/") {
  CHECK(lonc::app::status_page().starts_with("<!DOCTYPE html>"));
  CHECK(lonc::app::status_page().ends_with("</html>\n"));
}
