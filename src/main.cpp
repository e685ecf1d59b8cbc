// The lonc program: handles the command line and puts everything together.
#include "daemon/process/daemon.hpp"
#include "daemon/process/daemonize.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/node/check/mail.hpp>
#include <lonc/node/check/start_check.hpp>
#include <lonc/node/config/command_line.hpp>
#include <lonc/os/files.hpp>

#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace lonc;

// EX_CONFIG. A separate exit status, after which the service manager does not restart lonc: each start as the wrong
// user sends a mail, and a machine without a host id is not, or not yet, a node of a network.
constexpr int not_configured_status = 78;

// A start right after an upgrade or a copy needs the complete file, so this waits while the file is being written. But
// a file that is still being written does not prevent the start.
std::error_code read_for_start(const std::string& path, std::string& text) {
  const std::error_code error = os::read_file_at_rest(path, text, std::chrono::seconds{1});
  return error == std::errc::text_file_busy ? std::error_code() : error;
}

// Makes large blocks (the status of thousands of peers, a line of megabytes) return to the system when they are freed.
// Otherwise the C library raises its threshold after the first of them and keeps them.
void return_large_blocks() {
  constexpr int large = 1024 * 1024;  // bytes
  ::mallopt(M_MMAP_THRESHOLD, large);
}

int check(const node::SettingsSources& sources) {
  const daemon::Configuration configuration = daemon::read_configuration(sources, os::read_file);
  const node::CheckReport report = node::check(configuration.loaded, configuration.hosts);
  std::cout << report.text;
  return report.would_start ? EXIT_SUCCESS : EXIT_FAILURE;
}

// Why the daemon cannot start, one line per finding; nothing if it can.
std::optional<std::string> refusal(const daemon::Configuration& configuration) {
  const node::Findings findings = node::collect_problems(configuration.loaded, configuration.hosts);
  if (findings.would_start) return std::nullopt;
  std::string text;
  for (const core::Problem& problem : findings.problems) {
    if (problem.kind == core::Problem::Kind::error) text += core::to_string(problem) + "\n";
  }
  return text + "lonc was not started; `lonc --check` shows all settings and findings";
}

int serve(const node::SettingsSources& sources, daemon::Daemonizer& daemonizer) {
  daemon::Configuration configuration = daemon::read_configuration(sources, read_for_start);
  // Checked first, with the settings that could be read: the wrong user may be the very reason why others could not.
  const node::Settings& settings = configuration.loaded.settings;
  if (const auto problem = node::check_user(settings, ::geteuid())) {
    std::string text = core::to_string(*problem);
    if (const std::string failure = node::mail_user_mismatch(settings, *problem); !failure.empty())
      text += "\n" + failure;
    daemonizer.failed(text);
    return not_configured_status;
  }
  if (const auto text = refusal(configuration)) {
    daemonizer.failed(*text);
    return settings.host_id.empty() ? not_configured_status : EXIT_FAILURE;
  }
  daemon::Daemon daemon(sources, std::move(configuration));
  if (const auto text = daemon.start()) {
    daemonizer.failed(*text);
    return EXIT_FAILURE;
  }
  daemonizer.ready();
  return daemon.run();
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    const node::CommandLine command_line = node::parse_command_line(std::vector<std::string>(argv + 1, argv + argc));
    if (command_line.help) return std::cout << node::help_text(), EXIT_SUCCESS;
    if (command_line.version) return std::cout << "lonc " << node::version << "\n", EXIT_SUCCESS;
    const node::SettingsSources sources = node::sources_of(command_line);
    if (command_line.check) return check(sources);

    return_large_blocks();
    daemon::close_inherited_descriptors();
    daemon::reset_signals();
    daemon::fill_standard_descriptors();
    daemon::Daemonizer daemonizer;
    if (command_line.daemonize) {
      if (const auto status = daemonizer.fork_to_background()) return *status;
    }
    return serve(sources, daemonizer);
  } catch (const node::UsageError& error) {
    std::cerr << "lonc: " << error.what() << "\n";
    return node::UsageError::exit_code;
  } catch (const std::exception& error) {
    std::cerr << "lonc: CRITICAL: ABNORMAL EXIT: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
