#include "support/catch.hpp"

#include <lonc/core/base/error.hpp>

#include <cerrno>
#include <set>
#include <string>
#include <system_error>

using lonc::core::Errc;
using lonc::core::Problem;
using lonc::core::remedy_for;

namespace {

constexpr int first_error = static_cast<int>(Errc::connect_timeout);
constexpr int last_error = static_cast<int>(Errc::exit_sent);

std::string remedy_of(std::errc error) { return remedy_for(std::make_error_code(error)); }

}  // namespace

TEST_CASE("every error has its own message") {
  std::set<std::string> messages;
  for (int value = first_error; value <= last_error; ++value) {
    const std::error_code error = static_cast<Errc>(value);
    CHECK(error.category().name() == std::string{"lonc"});
    CHECK(error.message() != "unknown lonc error");
    CHECK(error.message().find('\n') == std::string::npos);
    messages.insert(error.message());
  }
  CHECK(messages.size() == last_error - first_error + 1);
  CHECK(std::error_code{Errc::handshake_refused}.message() == "lond refused this server");
  CHECK(std::error_code(0, lonc::core::lonc_category()).message() == "unknown lonc error");
  CHECK(std::error_code(last_error + 1, lonc::core::lonc_category()).message() == "unknown lonc error");
}

TEST_CASE("errors that an administrator can act on come with a remedy") {
  for (const Errc error : {Errc::connect_timeout, Errc::name_not_found, Errc::handshake_refused, Errc::handshake_wrong,
                           Errc::handshake_silent, Errc::handshake_closed, Errc::handshake_too_long,
                           Errc::handshake_garbage, Errc::connection_closed, Errc::path_silent, Errc::request_timeout,
                           Errc::out_of_turn, Errc::reply_too_long, Errc::reply_not_decodable}) {
    INFO(std::error_code{error}.message());
    CHECK_FALSE(remedy_for(error).empty());
  }
  CHECK(remedy_for(Errc::handshake_refused).find("hosts.tab") != std::string::npos);
  CHECK(remedy_for(Errc::reply_too_long).find("max-line-length") != std::string::npos);
}

TEST_CASE("an intended end needs no remedy") {
  CHECK(remedy_for(Errc::close_requested).empty());
  CHECK(remedy_for(Errc::idle).empty());
  CHECK(remedy_for(Errc::draining).empty());
  CHECK(remedy_for(Errc::exit_sent).empty());
  CHECK(remedy_for({}).empty());
}

TEST_CASE("common system errors come with a remedy") {
  CHECK(remedy_of(std::errc::connection_refused).find("lond-port") != std::string::npos);
  CHECK(remedy_of(std::errc::host_unreachable).find("hosts.tab") != std::string::npos);
  CHECK(remedy_of(std::errc::network_unreachable).find("routes") != std::string::npos);
  CHECK(remedy_of(std::errc::timed_out).find("firewall") != std::string::npos);
  CHECK(remedy_of(std::errc::too_many_files_open).find("LimitNOFILE") != std::string::npos);
  CHECK(remedy_of(std::errc::too_many_files_open_in_system).find("fs.file-max") != std::string::npos);
  CHECK(remedy_of(std::errc::connection_reset).find("lond.log") != std::string::npos);
  CHECK(remedy_of(std::errc::file_exists).empty());
  CHECK(remedy_for({ECONNREFUSED, std::system_category()}) == remedy_of(std::errc::connection_refused));
}

TEST_CASE("a problem is shown as file, line, kind, text and remedy") {
  CHECK(lonc::core::to_string(Problem{Problem::Kind::warning, "a.tab", 7, "odd line", "mend it"}) ==
        "a.tab:7: warning: odd line; mend it");
}

TEST_CASE("empty parts of a problem are omitted") {
  CHECK(lonc::core::to_string(Problem{Problem::Kind::error, "a.tab", 0, "cannot be read", ""}) ==
        "a.tab: error: cannot be read");
  CHECK(lonc::core::to_string(Problem{Problem::Kind::note, "", 0, "by the way", ""}) == "note: by the way");
}
