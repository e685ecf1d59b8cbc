#include "support/catch.hpp"

#include <lonc/node/spool/queue_request.hpp>

#include <string>

using namespace lonc::node;

namespace {

std::string fault_of(QueueAction action, std::string_view body) {
  std::string fault;
  CHECK_FALSE(parse_queue_request(action, body, fault).has_value());
  return fault;
}

}  // namespace

TEST_CASE("a request is parsed as it was written") {
  for (const QueueRequest& request :
       {QueueRequest{.action = QueueAction::hold, .names = {"1.2.3.log.a", "x\"y"}, .limit = 7},
        QueueRequest{.action = QueueAction::drop, .peer = "msul1", .in_quarantine = true},
        QueueRequest{.action = QueueAction::list, .is_all = true}}) {
    std::string fault;
    const auto read = parse_queue_request(request.action, to_json(request), fault);
    REQUIRE(read.has_value());
    CHECK(read->names == request.names);
    CHECK(read->peer == request.peer);
    CHECK(read->is_all == request.is_all);
    CHECK(read->in_quarantine == request.in_quarantine);
    CHECK(read->limit == request.limit);
  }
}

TEST_CASE("an invalid request has no effect, and the reason is reported") {
  for (const char* body : {"", "[]", "1", "{", "{\"all\":", "\xff"}) {
    CAPTURE(body);
    CHECK(fault_of(QueueAction::list, body) == "the body must be a JSON object");
  }
  CHECK(fault_of(QueueAction::drop, "{}") == "give one of names, peer and all");
  CHECK(fault_of(QueueAction::drop, R"({"all": false})") == "give one of names, peer and all");
  CHECK(fault_of(QueueAction::drop, R"({"all": true, "peer": "a"})") == "give one of names, peer and all");
  CHECK(fault_of(QueueAction::drop, R"({"names": []})") == "give one of names, peer and all");
  CHECK(fault_of(QueueAction::drop, R"({"names": [""]})") == "a name must be a text that is not empty");
  CHECK(fault_of(QueueAction::drop, R"({"names": "x"})") == "names must be a list");
  CHECK(fault_of(QueueAction::drop, R"({"names": [3]})") == "a name must be a text that is not empty");
  CHECK(fault_of(QueueAction::drop, R"({"peer": ""})") == "peer must be a text that is not empty");
  CHECK(fault_of(QueueAction::drop, R"({"all": 1})") == "all must be true or false");
  CHECK(fault_of(QueueAction::drop, R"({"all": true, "peers": "a"})") == "there is an unknown member");
  for (const char* limit : {"0", "-1", "10001", "1.5", "\"1\""}) {
    CAPTURE(limit);
    CHECK(fault_of(QueueAction::list, R"({"all": true, "limit": )" + std::string(limit) + "}") ==
          "limit must be a number from 1 to 10000");
  }
  CHECK(fault_of(QueueAction::drop, R"({"names": ["a", "b"], "limit": 1})") ==
        "there are more names than limit allows");
  CHECK(fault_of(QueueAction::show, R"({"all": true})") == "show needs names");
}

TEST_CASE("an answer is JSON whatever bytes a name contains") {
  QueueAnswer answer;
  answer.messages.emplace_back().name = "1.2.3.\xff.a";
  CHECK(to_json(answer).find("\"name\":\"1.2.3.\xef\xbf\xbd.a\"") != std::string::npos);
}
