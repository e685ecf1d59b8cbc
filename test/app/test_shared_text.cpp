#include "net/net_support.hpp"
#include "support/catch.hpp"

#include <lonc/app/shared_text.hpp>

#include <boost/asio/thread_pool.hpp>

#include <future>
#include <stdexcept>
#include <string>
#include <vector>

using lonc::app::ParentReport;
using lonc::app::SharedText;
using lonc::app::Snapshot;
using lonc::app::StatusBoard;
using lonc::net::PeerReport;

namespace {

// Texts that say how many were made before; as long as the test wants them.
struct TextFixture {
  std::string make(const Snapshot&) {
    if (may_go_on.valid()) may_go_on.wait();
    if (fails) throw std::runtime_error("no memory");
    return std::to_string(++made) + std::string(size, '.');
  }
  void get() {
    text.get([this](SharedText::Text got) { texts.push_back(std::move(got)); });
  }
  bool until_texts(std::size_t number) {
    return lonc::test::run_until(io, [&] { return texts.size() >= number; });
  }
  std::string beginning(std::size_t index) { return texts.at(index)->substr(0, 1); }

  boost::asio::io_context io;
  boost::asio::strand<boost::asio::io_context::executor_type> strand{boost::asio::make_strand(io)};
  StatusBoard board{
      strand,
      {.parent = [] { return ParentReport{}; }, .peers = [](const auto& done) { done(std::vector<PeerReport>{}); }}};
  boost::asio::thread_pool pool{1};
  std::future<void> may_go_on;  // a text is not made before that, where a test says so
  int made = 0;
  bool fails = false;
  std::size_t size = 10;
  std::vector<SharedText::Text> texts;
  SharedText text{strand, board, pool, [this](const Snapshot& snapshot) { return make(snapshot); }, 100};
};

}  // namespace

TEST_CASE_METHOD(TextFixture, "who asks while a text is made shares the next one") {
  std::promise<void> go_on;
  may_go_on = go_on.get_future();
  get();
  io.poll();
  get();
  get();
  io.poll();
  go_on.set_value();
  REQUIRE(until_texts(3));
  CHECK(made == 2);
  CHECK(texts[0] != texts[1]);
  CHECK(texts[1] == texts[2]);
}

TEST_CASE_METHOD(TextFixture, "as long as too much is being read, the latest text is given again") {
  size = 60;
  get();
  REQUIRE(until_texts(1));
  get();
  REQUIRE(until_texts(2));
  CHECK(beginning(1) == "2");
  get();
  REQUIRE(until_texts(3));
  CHECK(texts[2] == texts[1]);
  texts.clear();
  get();
  REQUIRE(until_texts(1));
  CHECK(beginning(0) == "3");
}

TEST_CASE_METHOD(TextFixture, "a text that can not be made is no text, and the next one is") {
  fails = true;
  get();
  REQUIRE(until_texts(1));
  CHECK(texts[0] == nullptr);
  fails = false;
  get();
  REQUIRE(until_texts(2));
  CHECK(beginning(1) == "1");
}
