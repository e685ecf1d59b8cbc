#include "options.hpp"

#include <lonc/app/settings_options.hpp>

#include <boost/program_options/options_description.hpp>

#include <sstream>

namespace lonc::ctl {

namespace {

namespace po = boost::program_options;

constexpr std::size_t line_width = 78;

po::options_description command_options() {
  po::options_description description("Options of the commands", line_width);
  auto add = description.add_options();
  add("peer", po::value<std::string>()->value_name("ID"), "all messages for this host");
  add("all", "all messages");
  add("quarantine", "those that were set aside, not those that wait (list, show, drop)");
  add("limit", po::value<std::size_t>()->value_name("NUMBER"), "how many are listed at most (1000)");
  add("json", "the answer as JSON, for programs");
  add("delayed", "send: leave it as a delayed message");
  return description;
}

po::options_description general_options() {
  po::options_description description("Where lonc is found, as for lonc itself", line_width);
  app::add_settings_options(description);
  auto add = description.add_options();
  add("version", "print the version");
  add("help,h", "print this text");
  return description;
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  po::options_description all;
  all.add(command_options()).add(general_options());
  const app::ParsedOptions parsed = app::parse_options(arguments, all, "loncctl");
  const auto& values = parsed.values;
  Options options;
  app::take_settings_options(values, options.settings);
  options.help = values.count("help") != 0;
  options.version = values.count("version") != 0;
  if (values.count("peer") != 0) options.peer = values["peer"].as<std::string>();
  options.is_all = values.count("all") != 0;
  options.in_quarantine = values.count("quarantine") != 0;
  options.is_json = values.count("json") != 0;
  options.is_delayed = values.count("delayed") != 0;
  if (values.count("limit") != 0) options.limit = values["limit"].as<std::size_t>();
  if (options.help || options.version) return options;
  if (parsed.words.empty()) throw app::UsageError("no command was given; loncctl --help lists them all");
  options.command = parsed.words.front();
  options.words.assign(parsed.words.begin() + 1, parsed.words.end());
  return options;
}

std::string help_text() {
  std::ostringstream out;
  out << "Usage: loncctl queue list [NAME... | --peer ID] [--quarantine] [--limit NUMBER] [--json]\n"
         "       loncctl queue show NAME... [--quarantine] [--json]\n"
         "       loncctl queue retry|hold|release NAME... | --peer ID | --all [--json]\n"
         "       loncctl queue drop NAME... | --peer ID | --all [--quarantine] [--json]\n"
         "       loncctl send --delayed HOST < COMMAND\n"
         "Looks after lonc and its delayed messages.\n\n"
         "Commands:\n"
         "  queue list     what waits: peer, age, command word, failed attempts\n"
         "  queue show     one message, and whether it could be sent as it is\n"
         "  queue retry    forget failures and try now\n"
         "  queue hold     set aside by hand, in the quarantine\n"
         "  queue drop     delete\n"
         "  queue release  from the quarantine back to those that wait\n"
         "  send           leave one command line, from standard input, for HOST\n\n"
      << command_options() << "\n"
      << general_options()
      << "\nExit status: 0 done; 1 failed, or not all was done; 2 usage; 3 lonc, its settings or\n"
         "its directory can not be used; 4 there is no such message.\n";
  return out.str();
}

}  // namespace lonc::ctl
