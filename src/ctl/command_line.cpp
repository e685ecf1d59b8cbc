#include "command_line.hpp"

#include "command_table.hpp"

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <sstream>
#include <utility>

namespace lonc::ctl {

namespace {

namespace po = boost::program_options;

constexpr std::size_t line_width = 78;

void add(po::options_description& description, const Option& option, const std::string& help) {
  const std::string name(option.name);
  if (option.value.empty()) {
    description.add_options()(name.c_str(), help.c_str());
    return;
  }
  const auto typed = [&]<typename Value>(po::typed_value<Value>* value) {
    description.add_options()(name.c_str(), value->value_name(std::string(option.value)), help.c_str());
  };
  if (option.value == "SECONDS") return typed(po::value<double>());
  if (option.value == "NUMBER") return typed(po::value<std::size_t>());
  if (option.value == "PORT") return typed(po::value<unsigned>());
  typed(po::value<std::string>());
}

// The options of all commands, each once.
po::options_description command_options() {
  po::options_description description("Options of the commands", line_width);
  std::string help;
  const std::vector<SharedOption> all = all_options();
  for (std::size_t i = 0; i != all.size(); ++i) {
    if (!help.empty()) help += "; ";
    help += fmt::format("{}: {}", fmt::join(all[i].commands, ", "), all[i].option.help);
    if (i + 1 != all.size() && all[i + 1].option.name == all[i].option.name) continue;
    add(description, all[i].option, std::exchange(help, {}));
  }
  return description;
}

po::options_description general_options() {
  po::options_description description("How lonc is found, as for lonc itself", line_width);
  node::add_settings_options(description);
  description.add_options()("version", "print the version")("help,h", "print this text");
  return description;
}

template <typename Value>
std::optional<Value> value_of(const po::variables_map& values, const char* name) {
  return values.count(name) == 0 ? std::nullopt : std::optional(values[name].as<Value>());
}

std::optional<std::chrono::milliseconds> seconds_of(const po::variables_map& values, const char* name) {
  const auto seconds = value_of<double>(values, name);
  if (!seconds) return std::nullopt;
  if (!(*seconds >= 0.001 && *seconds <= 86'400))
    throw node::UsageError("--" + std::string(name) + " takes seconds from 0.001 to 86400");
  return std::chrono::milliseconds{std::llround(*seconds * 1000)};
}

std::uint16_t port_of(const po::variables_map& values) {
  const auto port = value_of<unsigned>(values, "http-port").value_or(Options{}.http_port);
  if (port == 0 || port > 65'535) throw node::UsageError("--http-port takes a port from 1 to 65535");
  return static_cast<std::uint16_t>(port);
}

void check_command(const po::variables_map& values, const std::string& name) {
  const Command* const command = find_command(name);
  if (command == nullptr) throw node::UsageError("there is no command `" + name + "`; loncctl --help lists them all");
  for (const SharedOption& known : all_options()) {
    const std::string option(known.option.name);
    if (values.count(option) != 0 &&
        std::ranges::find(command->options, option, &Option::name) == command->options.end())
      throw node::UsageError("--" + option + " is not for " + name + "; leave it out");
  }
}

std::string usage_of(const std::vector<Form>& forms) {
  std::string text;
  for (const Form& form : forms)
    text += fmt::format("{} loncctl {}{}{}\n", text.empty() ? "Usage:" : "      ", form.name,
                        form.synopsis.empty() ? "" : " ", form.synopsis);
  return text;
}

std::string list_of(const std::vector<Form>& forms) {
  std::string text;
  for (const Form& form : forms) text += fmt::format("  {:<13}  {}\n", form.name, form.help);
  return text;
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  po::options_description all;
  all.add(command_options()).add(general_options());
  const node::ParsedOptions parsed = node::parse_options(arguments, all, "loncctl");
  const auto& values = parsed.values;
  const auto has = [&values](const char* name) { return values.count(name) != 0; };
  node::CommandLine settings;
  node::take_settings_options(values, settings);
  Options options{.settings = std::move(settings),
                  .help = has("help"),
                  .version = has("version"),
                  .command = parsed.words.empty() ? std::string{} : parsed.words.front(),
                  .words = {},
                  .peer = value_of<std::string>(values, "peer"),
                  .is_all = has("all"),
                  .in_quarantine = has("quarantine"),
                  .is_json = has("json"),
                  .is_forced = has("force"),
                  .is_delayed = has("delayed"),
                  .is_encrypted = has("encrypt"),
                  .limit = value_of<std::size_t>(values, "limit"),
                  .count = value_of<std::size_t>(values, "count"),
                  .interval = seconds_of(values, "interval"),
                  .timeout = seconds_of(values, "timeout"),
                  .http_port = port_of(values)};
  if (options.help || options.version) return options;
  if (parsed.words.empty()) throw node::UsageError("no command was given; loncctl --help lists them all");
  options.words.assign(parsed.words.begin() + 1, parsed.words.end());
  check_command(values, options.command);
  return options;
}

std::string help_text() {
  std::vector<Form> forms;
  for (const Command& command : command_table()) std::ranges::copy(command.forms, std::back_inserter(forms));
  std::ostringstream out;
  out << usage_of(forms) << "Queries and controls lonc, its peers and its delayed messages.\n\nCommands:\n"
      << list_of(forms) << "\n"
      << command_options() << "\n"
      << general_options()
      << "\nloncctl COMMAND --help shows one command.\n"
         "Exit status: 0 done; 1 failed, or not all was done, or check found something; 2 usage;\n"
         "3 lonc, its settings or its directory cannot be used; 4 there is no such message or\n"
         "host; of call: 5 con_lost, 6 an error, 7 no answer in time.\n";
  return out.str();
}

std::string help_text(const Command& command) {
  po::options_description own("Options", line_width);
  for (const Option& option : command.options) add(own, option, std::string(option.help));
  std::ostringstream out;
  out << usage_of(command.forms) << "\n" << list_of(command.forms) << "\n";
  if (!command.options.empty()) out << own << "\n";
  out << general_options();
  return out.str();
}

}  // namespace lonc::ctl
