// The loncctl program: its command line, and which command does what.
#include "exit_code.hpp"
#include "options.hpp"
#include "queue_command.hpp"
#include "send_command.hpp"

#include <lonc/app/version.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace lonc;

ctl::ExitCode run(const ctl::Options& options) {
  if (options.help) return std::cout << ctl::help_text(), ctl::ExitCode::ok;
  if (options.version) return std::cout << "loncctl " << app::version << "\n", ctl::ExitCode::ok;
  if (options.command == "queue") return ctl::run_queue_command(options);
  if (options.command == "send") return ctl::run_send_command(options);
  throw app::UsageError("there is no command of this name; loncctl --help lists them all");
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
