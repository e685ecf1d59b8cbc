#include "support/catch.hpp"

#include <lonc/core/spool/spool_reports.hpp>

#include <cerrno>
#include <string>
#include <vector>

namespace lonc::core::test {

using Place = SpoolTrouble::Place;

namespace {

std::string remedy_of(std::errc error, Place place) {
  SpoolTrouble trouble;
  trouble.note(std::make_error_code(error), place, "it failed");
  return trouble.remedy();
}

}  // namespace

TEST_CASE("spool trouble is logged when it begins, when it changes and when it ends") {
  SpoolTrouble trouble;
  const auto texts = [&] {
    std::vector<std::string> found;
    for (const auto& line : trouble.take_log_lines()) found.push_back(line.text);
    return found;
  };
  trouble.note({}, Place::spool, "nothing has happened");
  trouble.clear();
  CHECK(texts().empty());
  const auto error = std::make_error_code(std::errc::io_error);
  for (int i = 0; i != 2; ++i) CHECK(trouble.note(error, Place::spool, "the journal cannot be written") == error);
  CHECK(trouble.text() == "the journal cannot be written: " + error.message());
  CHECK(texts() == std::vector<std::string>{"Delayed messages are not sent: " + trouble.text() +
                                            "; nothing is lost, and lonc tries again"});
  trouble.note(error, Place::permanent_log, "the permanent log cannot be written");
  trouble.clear();
  CHECK(texts().size() == 2);
  CHECK(trouble.text().empty());
  CHECK(trouble.remedy().empty());
}

TEST_CASE("the remedy for spool trouble fits its cause and its place") {
  CHECK(remedy_of(std::errc::no_space_on_device, Place::spool)
            .starts_with("make space on the disk that holds delayed messages; delayed messages are safe"));
  CHECK(remedy_of(std::errc::no_space_on_device, Place::permanent_log)
            .starts_with("make space on the disk that holds lonnet.perm.log; "));
  CHECK(remedy_of(std::errc::file_too_large, Place::permanent_log).find("LimitFSIZE=") != std::string::npos);
  CHECK(remedy_of(std::errc::too_many_files_open, Place::spool).find("LimitNOFILE=") != std::string::npos);
  CHECK(remedy_of(std::errc::permission_denied, Place::spool).starts_with("let lonc's user read and write lonSockDir"));
  CHECK(remedy_of(std::errc::permission_denied, Place::permanent_log).find("lonnet.perm.log") != std::string::npos);
  CHECK(remedy_of(std::errc::io_error, Place::spool)
            .starts_with("check the disk that holds delayed messages: is it full, read-only or failing? Delayed "
                         "messages are safe"));
  SpoolTrouble quota;
  quota.note({EDQUOT, std::system_category()}, Place::spool, "it failed");
  CHECK(quota.remedy().starts_with("make space on"));
}

}  // namespace lonc::core::test
