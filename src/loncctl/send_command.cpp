#include "send_command.hpp"

#include "node.hpp"
#include "standard_input.hpp"

#include <lonc/app/delayed_writer.hpp>
#include <lonc/core/delayed_message.hpp>

#include <nlohmann/json.hpp>

#include <iostream>
#include <string>

namespace lonc::ctl {

ExitCode run_send_command(const Options& options) {
  if (!options.is_delayed) throw app::UsageError("send needs --delayed; it does nothing else yet");
  if (options.words.size() != 1)
    throw app::UsageError("send --delayed takes one HOST; the command comes from standard input");
  const std::string& host = options.words.front();
  const Node node = find_node(options);
  check_host(node.settings, host);
  become_owner(node.delayed);
  const std::size_t limit = node.settings.max_line_length;
  const std::string content = read_standard_input(limit + 2);
  const core::CheckedContent checked = core::check_delayed_content(content, host, limit);
  if (!checked.reason.empty()) throw Failure(ExitCode::failed, "the command can not be sent: " + checked.reason);
  const app::WrittenMessage written = app::write_delayed_message(node.delayed, host, checked.line);
  if (written.error)
    throw Failure(ExitCode::failed, node.delayed + ": " + written.failed_at + ": " + written.error.message());
  if (options.is_json) {
    std::cout << nlohmann::json{{"name", written.name}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
              << "\n";
  } else {
    std::cout << written.name << "\n";
  }
  return ExitCode::ok;
}

}  // namespace lonc::ctl
