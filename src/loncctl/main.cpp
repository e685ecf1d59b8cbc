// The loncctl program: its command line, and which command does what.
#include "action_command.hpp"
#include "call_command.hpp"
#include "check_command.hpp"
#include "exit_code.hpp"
#include "hosts_command.hpp"
#include "options.hpp"
#include "probe_command.hpp"
#include "queue_command.hpp"
#include "send_command.hpp"
#include "status_command.hpp"

#include <lonc/app/version.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lonc;

using Run = ctl::ExitCode (*)(const ctl::Options&);

struct Command {
  std::string_view name;
  Run run;
};

constexpr auto commands = std::to_array<Command>({
    {"call", ctl::run_call_command},
    {"check", ctl::run_check_command},
    {"drain", ctl::run_drain_command},
    {"hosts", ctl::run_hosts_command},
    {"log-level", ctl::run_log_level_command},
    {"probe", ctl::run_probe_command},
    {"queue", ctl::run_queue_command},
    {"reconnect", ctl::run_reconnect_command},
    {"reload", ctl::run_reload_command},
    {"send", ctl::run_send_command},
    {"status", ctl::run_status_command},
    {"top", ctl::run_top_command},
});

ctl::ExitCode run(const ctl::Options& options) {
  if (options.help) return std::cout << ctl::help_text(), ctl::ExitCode::ok;
  if (options.version) return std::cout << "loncctl " << app::version << "\n", ctl::ExitCode::ok;
  // parse_options() has refused what is not there.
  return std::ranges::find(commands, options.command, &Command::name)->run(options);
}

}  // namespace

int main(int argc, char* argv[]) {
  ctl::ExitCode code = ctl::ExitCode::failed;
  try {
    code = run(ctl::parse_options(std::vector<std::string>(argv + 1, argv + argc)));
  } catch (const app::UsageError& error) {
    std::cerr << "loncctl: " << error.what() << "\n";
    code = ctl::ExitCode::usage;
  } catch (const ctl::Failure& failure) {
    std::cerr << "loncctl: " << failure.what() << "\n";
    code = failure.code();
  } catch (const std::exception& error) {
    std::cerr << "loncctl: internal error: " << error.what() << "\n";
  }
  std::cout.flush();
  if (!std::cout && code == ctl::ExitCode::ok) code = ctl::ExitCode::failed;
  return static_cast<int>(code);
}
