// The lonc program: its command line, and the place where everything is put together.
#include <lonc/app/check.hpp>
#include <lonc/app/command_line.hpp>
#include <lonc/app/daemon.hpp>
#include <lonc/app/daemonize.hpp>
#include <lonc/app/memory_limit.hpp>
#include <lonc/app/read_file.hpp>
#include <lonc/app/user_check.hpp>
#include <lonc/app/version.hpp>
#include <lonc/core/problem.hpp>

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

// EX_CONFIG. A status of its own, on which the service manager does not start lonc again: each start as the wrong user
// sends a mail, and a machine without a host id is no node of a network, or not yet.
constexpr int not_configured_status = 78;

// Whoever starts lonc right after an upgrade or a copy means the whole file. But nobody's writing keeps it from
// starting.
std::error_code read_for_start(const std::string& path, std::string& text) {
  const std::error_code error = app::read_file_at_rest(path, text, std::chrono::seconds{1});
  return error == std::errc::text_file_busy ? std::error_code() : error;
}

int check(const app::SettingsSources& sources) {
  const app::Configuration configuration = app::read_configuration(sources, app::read_file);
  const app::CheckReport report = app::check(configuration.loaded, configuration.hosts);
  std::cout << report.text;
  return report.would_start ? EXIT_SUCCESS : EXIT_FAILURE;
}

// Why the daemon can not start, a line per finding; nothing if it can.
std::optional<std::string> refusal(const app::Configuration& configuration) {
  const app::Findings findings = app::collect_problems(configuration.loaded, configuration.hosts);
  if (findings.would_start) return std::nullopt;
  std::string text;
  for (const core::Problem& problem : findings.problems) {
    if (problem.kind == core::Problem::Kind::error) text += core::to_string(problem) + "\n";
  }
  return text + "lonc is not started; `lonc --check` shows all settings and findings";
}

int serve(const app::SettingsSources& sources, app::Daemonizer& daemonizer) {
  app::Configuration configuration = app::read_configuration(sources, read_for_start);
  // First, and with whatever could be read: the wrong user may be just why some of it could not.
  const app::Settings& settings = configuration.loaded.settings;
  if (const auto problem = app::check_user(settings, ::geteuid())) {
    std::string text = core::to_string(*problem);
    if (const std::string failure = app::mail_user_mismatch(settings, *problem); !failure.empty())
      text += "\n" + failure;
    daemonizer.failed(text);
    return not_configured_status;
  }
  if (const auto text = refusal(configuration)) {
    daemonizer.failed(*text);
    return settings.host_id.empty() ? not_configured_status : EXIT_FAILURE;
  }
  app::Daemon daemon(sources, std::move(configuration));
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
    const app::CommandLine command_line = app::parse_command_line(std::vector<std::string>(argv + 1, argv + argc));
    if (command_line.help) return std::cout << app::help_text(), EXIT_SUCCESS;
    if (command_line.version) return std::cout << "lonc " << app::version << "\n", EXIT_SUCCESS;
    const app::SettingsSources sources = app::sources_of(command_line);
    if (command_line.check) return check(sources);

    app::return_large_blocks();
    app::close_inherited_descriptors();
    app::reset_signals();
    app::fill_standard_descriptors();
    app::Daemonizer daemonizer;
    if (command_line.daemonize) {
      if (const auto status = daemonizer.fork_to_background()) return *status;
    }
    return serve(sources, daemonizer);
  } catch (const app::UsageError& error) {
    std::cerr << "lonc: " << error.what() << "\n";
    return app::UsageError::exit_code;
  } catch (const std::exception& error) {
    std::cerr << "lonc: CRITICAL: ABNORMAL EXIT: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
