#include "send_command.hpp"

#include "node.hpp"

#include <lonc/app/delayed_writer.hpp>
#include <lonc/app/host_table_file.hpp>
#include <lonc/core/delayed_message.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <string>

namespace lonc::ctl {

namespace {

// One byte more than may be sent tells that it is too long.
std::string read_standard_input(std::size_t limit) {
  constexpr std::size_t step = 64 * 1024;
  std::string text;
  while (text.size() < limit) {
    const std::size_t before = text.size();
    text.resize(std::min(limit, before + step));
    const ssize_t got = ::read(STDIN_FILENO, text.data() + before, text.size() - before);
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) break;
    if (got < 0 && errno != EINTR)
      throw Failure(ExitCode::failed,
                    "standard input can not be read: " + std::error_code(errno, std::system_category()).message());
  }
  return text;
}

void check_host(const app::Settings& settings, const std::string& host) {
  const app::HostTableFile table = app::read_host_table(settings);
  if (table.error) throw Failure(ExitCode::unreachable, table.path + " can not be read: " + table.error.message());
  const auto& hosts = table.table.hosts;
  if (std::ranges::none_of(hosts, [&](const core::Host& each) { return each.id == host; }))
    throw Failure(ExitCode::failed, "there is no host " + host + " that lonc serves in " + table.path);
}

}  // namespace

ExitCode run_send_command(const Options& options) {
  if (!options.is_delayed) throw app::UsageError("send needs --delayed; it does nothing else yet");
  if (options.words.size() != 1)
    throw app::UsageError("send --delayed takes one HOST; the command comes from standard input");
  if (options.peer || options.is_all || options.in_quarantine || options.limit)
    throw app::UsageError("--peer, --all, --quarantine and --limit are for queue; leave them out");
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
    std::cout << "{\"name\": \"" << written.name << "\"}\n";
  } else {
    std::cout << written.name << "\n";
  }
  return ExitCode::ok;
}

}  // namespace lonc::ctl
