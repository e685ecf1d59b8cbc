#include "support/catch.hpp"

#include <lonc/node/config/command_line.hpp>
#include <lonc/node/config/settings.hpp>

#include <string>
#include <vector>

using lonc::node::parse_command_line;
using lonc::node::UsageError;

namespace {

using Strings = std::vector<std::string>;

void check_usage_error(const Strings& arguments, const std::string& part) {
  CAPTURE(arguments);
  CHECK_THROWS_AS(parse_command_line(arguments), UsageError);
  CHECK_THROWS_WITH(parse_command_line(arguments), Catch::Contains(part) && Catch::Contains("; "));
}

}  // namespace

TEST_CASE("no argument at all") {
  const auto line = parse_command_line({});
  CHECK_FALSE(line.config_file.has_value());
  CHECK_FALSE(line.user.has_value());
  CHECK(line.perl_set_var_files.empty());
  CHECK(line.assignments.empty());
  CHECK_FALSE((line.check || line.daemonize || line.version || line.help));
}

TEST_CASE("all options, in both spellings of a value") {
  const auto line = parse_command_line({"--config", "l.conf", "--perlsetvar", "a", "--perlsetvar=b", "--set",
                                        "host-id=a=b", "--set=user=", "--user=me", "--daemonize"});
  CHECK(line.config_file == "l.conf");
  CHECK(line.perl_set_var_files == Strings{"a", "b"});
  CHECK(line.assignments == Strings{"host-id=a=b", "user="});
  CHECK(line.user == "me");
  CHECK(line.daemonize);
  CHECK(parse_command_line({"--check"}).check);
  CHECK(parse_command_line({"--version"}).version);
  CHECK(parse_command_line({"--help"}).help);
  CHECK(parse_command_line({"-h"}).help);
}

TEST_CASE("invalid arguments are reported with a remedy") {
  check_usage_error({"--colour"}, "--colour");
  check_usage_error({"--conf", "x"}, "--conf");  // no abbreviations
  check_usage_error({"extra"}, "--set NAME=VALUE");
  check_usage_error({"--config"}, "--config");
  check_usage_error({"--config", "a", "--config", "b"}, "--config");
  check_usage_error({"--config="}, "--config");
  check_usage_error({"--user", ""}, "--user is empty");
  check_usage_error({"--perlsetvar", ""}, "--perlsetvar");
  check_usage_error({"--set", "threads"}, "--set threads has no value");
  check_usage_error({"--check=yes"}, "--check");
  check_usage_error({"--check", "--daemonize"}, "leave one out");
}

TEST_CASE("the help names all options and settings, in lines of at most 80 columns") {
  const auto help = lonc::node::help_text();
  for (const auto* option : {"--config FILE", "--perlsetvar FILE", "--set NAME=VALUE", "--user NAME", "--check",
                             "--daemonize", "--version", "--help"}) {
    CAPTURE(option);
    CHECK(help.find(option) != std::string::npos);
  }
  for (const auto& setting : lonc::node::setting_table()) {
    CAPTURE(setting.name);
    CHECK(help.find("\n  " + setting.name + (setting.alias.empty() ? "\n" : " (" + setting.alias + ")\n")) !=
          std::string::npos);
  }
  for (std::size_t begin = 0; begin < help.size();) {
    const auto end = help.find('\n', begin);
    REQUIRE(end != std::string::npos);
    CAPTURE(help.substr(begin, end - begin));
    CHECK(end - begin <= 80);
    begin = end + 1;
  }
}
