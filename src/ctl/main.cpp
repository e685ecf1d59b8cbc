// The loncctl program.
#include "command_table.hpp"

#include <lonc/node/config/command_line.hpp>

#include <nlohmann/json.hpp>

#include <exception>
#include <iostream>

namespace {

using namespace lonc;

ctl::ExitCode run(const ctl::Options& options) {
  const ctl::Command* const command = ctl::find_command(options.command);
  if (options.help)
    return std::cout << (command == nullptr ? ctl::help_text() : ctl::help_text(*command)), ctl::ExitCode::ok;
  if (options.version) return std::cout << "loncctl " << node::version << "\n", ctl::ExitCode::ok;
  // Not null: parse_options() has rejected unknown commands.
  return command->run(options);
}

}  // namespace

int main(int argc, char* argv[]) {
  ctl::ExitCode code = ctl::ExitCode::failed;
  try {
    code = run(ctl::parse_options(std::vector<std::string>(argv + 1, argv + argc)));
  } catch (const node::UsageError& error) {
    std::cerr << "loncctl: " << error.what() << "\n";
    code = ctl::ExitCode::usage;
  } catch (const ctl::Failure& failure) {
    std::cerr << "loncctl: " << failure.what() << "\n";
    code = failure.code;
  } catch (const nlohmann::json::exception&) {
    std::cerr << "loncctl: the answer cannot be understood; lonc may be a different version\n";
  } catch (const std::exception& error) {
    std::cerr << "loncctl: internal error: " << error.what() << "\n";
  }
  std::cout.flush();
  if (!std::cout && code == ctl::ExitCode::ok) code = ctl::ExitCode::failed;
  return static_cast<int>(code);
}
