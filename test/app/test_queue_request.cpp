#include "support/catch.hpp"

#include <lonc/app/queue_request.hpp>

#include <string>

using namespace lonc::app;

namespace {

std::string fault_of(QueueAction action, std::string_view body) {
  std::string fault;
  CHECK_FALSE(parse_queue_request(action, body, fault).has_value());
  return fault;
}

}  // namespace

TEST_CASE("a request is read back as it was written") {
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

TEST_CASE("a request that is not clear does nothing, and is told why") {
  for (const char* body : {"", "[]", "1", "{", "{\"all\":", "\xff"}) {
    CAPTURE(body);
    CHECK(fault_of(QueueAction::list, body) == "the body has to be a JSON object");
  }
  CHECK(fault_of(QueueAction::drop, "{}") == "give one of names, peer and all");
  CHECK(fault_of(QueueAction::drop, R"({"all": false})") == "give one of names, peer and all");
  CHECK(fault_of(QueueAction::drop, R"({"all": true, "peer": "a"})") == "give one of names, peer and all");
  CHECK(fault_of(QueueAction::drop, R"({"names": []})") == "give one of names, peer and all");
  CHECK(fault_of(QueueAction::drop, R"({"names": [""]})") == "a name has to be a text that is not empty");
  CHECK(fault_of(QueueAction::drop, R"({"names": "x"})") == "names has to be a list");
  CHECK(fault_of(QueueAction::drop, R"({"names": [3]})") == "a name has to be a text that is not empty");
  CHECK(fault_of(QueueAction::drop, R"({"peer": ""})") == "peer has to be a text that is not empty");
  CHECK(fault_of(QueueAction::drop, R"({"all": 1})") == "all has to be true or false");
  CHECK(fault_of(QueueAction::drop, R"({"all": true, "peers": "a"})") == "there is a member that is not known");
  for (const char* limit : {"0", "-1", "10001", "1.5", "\"1\""}) {
    CAPTURE(limit);
    CHECK(fault_of(QueueAction::list, R"({"all": true, "limit": )" + std::string(limit) + "}") ==
          "limit has to be a number from 1 to 10000");
  }
  CHECK(fault_of(QueueAction::drop, R"({"names": ["a", "b"], "limit": 1})") ==
        "there are more names than limit allows");
  CHECK(fault_of(QueueAction::show, R"({"all": true})") == "show needs names");
}

TEST_CASE("an answer is JSON whatever bytes a name holds") {
  QueueAnswer answer;
  answer.messages.emplace_back().name = "1.2.3.\xff.a";
  CHECK(to_json(answer).find("\"name\":\"1.2.3.\xef\xbf\xbd.a\"") != std::string::npos);
}
