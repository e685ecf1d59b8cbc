#include "ctl/command_table.hpp"
#include "ctl/node.hpp"
#include "ctl/view/terminal.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/core/spool/delayed_message.hpp>
#include <lonc/node/spool/queue_service.hpp>
#include <lonc/os/files.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <iostream>

namespace lonc::ctl {

namespace {

constexpr std::string_view encrypt_prefix = "encrypt:";

// A line of at most `limit` bytes, with its line end and one more byte, so that a longer line is detected.
std::string read_standard_input(std::size_t limit) {
  std::string text;
  if (const auto error = os::read_some(STDIN_FILENO, limit + 2, text))
    throw Failure(ExitCode::failed, "standard input cannot be read: " + error.message());
  return text;
}

std::string request_of(const Options& options, std::size_t limit) {
  const bool is_given = options.words.size() > 1 && options.words[1] != "-";
  std::string line = is_given ? options.words[1] : read_standard_input(limit);
  if (!is_given && line.ends_with('\n')) line.pop_back();
  if (line.empty()) throw Failure(ExitCode::failed, "the request is empty; give a command line such as ping");
  if (line.find('\n') != std::string::npos)
    throw Failure(ExitCode::failed, "the request has several lines; a call is one line");
  if (line.size() > limit)
    throw Failure(ExitCode::failed, fmt::format("the request is longer than {} bytes", limit),
                  "if that is intended, raise max-line-length");
  if (options.is_encrypted && !line.starts_with(encrypt_prefix)) line.insert(0, encrypt_prefix);
  return line;
}

Failure no_socket(const Node& node, const std::string& path, const std::error_code& error) {
  if (error == std::errc::permission_denied)
    return {ExitCode::unreachable, not_yours_text("the socket " + path, path),
            fmt::format("call loncctl as {} or root", node.settings.user)};
  if (error == std::errc::no_such_file_or_directory)
    return {ExitCode::unreachable,
            fmt::format("the socket {} does not exist: lonc is not running, or has not read the line of this host yet",
                        path),
            "start it, or call `loncctl reload`"};
  if (error == std::errc::connection_refused)
    return {ExitCode::unreachable, "nothing listens on " + path + ": lonc has ended without cleaning up; start it"};
  return {ExitCode::unreachable,
          fmt::format("the socket {} cannot be used: {}; `loncctl check` shows more", path, error.message())};
}

Failure no_answer(const std::error_code& error, const std::string& host) {
  const std::string remedy = "`loncctl status " + host + "` shows more";
  if (error == std::errc::timed_out) return {ExitCode::timeout, "no answer from " + host + " in time", remedy};
  if (error == std::errc::value_too_large)
    return {ExitCode::failed, "the answer is longer than max-line-length", "if that is intended, raise it"};
  return {ExitCode::con_lost, "lonc has closed the connection without an answer", remedy};
}

// Letters, digits and '_', as in the Perl daemon.
std::string only_word(std::string_view text) {
  std::string word(text);
  std::erase_if(word, [](char c) { return !core::is_word_byte(c); });
  return word;
}

// For scripts, standard output has only the verdict.
Failure failed_probe(ExitCode code, const std::string& verdict, const std::string& why) {
  std::cout << verdict << "\n";
  return {code, why};
}

std::string unknown_text(const std::string& id, const node::Settings& settings) {
  return printable(id) + " is not in " + settings.tab_dir + "/hosts.tab; `loncctl hosts` lists those that are";
}

}  // namespace

ExitCode run_call_command(const Options& options) {
  // Longer than request-timeout, after which lonc itself answers con_lost: that says more than a timeout here.
  constexpr std::chrono::seconds more_than_lonc{10};
  if (options.words.empty() || options.words.size() > 2)
    throw node::UsageError("call takes HOST and one LINE (in quotes if it contains blanks), or - for standard input");
  const Node node = find_node(options);
  const std::string& host = options.words.front();
  check_host(node.settings, host);
  const std::size_t limit = node.settings.peer.engine.max_line_length;
  const std::string request = request_of(options, limit);
  const node::Settings settings = node::settings_of(node.settings, host);
  const std::string path = node.settings.socket_dir + "/" + host;
  const auto timeout = options.timeout.value_or(std::chrono::ceil<std::chrono::milliseconds>(
      settings.peer.engine.request_timeout + settings.peer.engine.connect_wait + more_than_lonc));
  const LineAnswer answer = call_socket(path, request, limit, timeout);
  if (!answer.is_connected && answer.error != std::errc::timed_out) throw no_socket(node, path, answer.error);
  if (answer.error) throw no_answer(answer.error, host);
  std::cout << (is_output_terminal() ? printable(answer.line) : answer.line) << "\n";
  if (answer.line == "con_lost")
    throw Failure(ExitCode::con_lost, fmt::format("{0} cannot be reached; `loncctl status {0}` says why", host));
  return answer.line.starts_with("error:") ? ExitCode::error_reply : ExitCode::ok;
}

ExitCode run_send_command(const Options& options) {
  if (!options.is_delayed) throw node::UsageError("send needs --delayed; it does nothing else yet");
  if (options.words.size() != 1)
    throw node::UsageError("send --delayed takes one HOST; the command comes from standard input");
  const std::string& host = options.words.front();
  const Node node = find_node(options);
  check_host(node.settings, host);
  become_owner(node.delayed);
  const std::size_t limit = node.settings.peer.engine.max_line_length;
  const std::string content = read_standard_input(limit);
  const core::CheckedContent checked = core::check_delayed_content(content, host, limit);
  if (!checked.reason.empty()) throw Failure(ExitCode::failed, "the command cannot be sent: " + checked.reason);
  const node::WrittenMessage written = node::write_delayed_message(node.delayed, host, checked.line);
  if (written.error)
    throw Failure(ExitCode::failed, node.delayed + ": " + written.failed_at + ": " + written.error.message());
  std::cout << (options.is_json ? json_text({{"name", written.name}}, -1) : written.name + "\n");
  return ExitCode::ok;
}

std::string probe_verdict(const std::string& body, const std::string& remote) {
  const std::string reply = only_word(body.substr(0, body.find('\n')));
  return reply == only_word(remote) ? "ok" : reply;
}

ExitCode run_probe_command(const Options& options) {
  if (options.words.size() != 2) throw node::UsageError("probe takes two hosts, LOCAL and REMOTE");
  node::Settings settings = find_node(options).settings;
  // A host without an address is not served, but can be probed.
  settings.hosts_without_ip = node::HostsWithoutIp::resolve;
  const core::HostTable hosts = read_hosts(settings);
  const std::string& remote = options.words[1];
  const core::Host* const local = find_host(hosts, options.words[0]);
  if (local == nullptr)
    throw failed_probe(ExitCode::no_match, "local_unknown", unknown_text(options.words[0], settings));
  if (find_host(hosts, remote) == nullptr)
    throw failed_probe(ExitCode::no_match, "remote_unknown", unknown_text(remote, settings));

  const WebServer server{
      .name = local->name.empty() ? local->address : local->name, .address = {}, .port = options.http_port};
  net::Resolver resolver(1);
  const HttpAnswer answer = run_to_end(
      get_from_web(resolver, server, "/cgi-bin/ping.pl?" + remote, options.timeout.value_or(std::chrono::seconds{5})));
  const std::string place = fmt::format("the web server of {} ({}:{})", local->id, server.name, server.port);
  if (answer.error)
    throw failed_probe(ExitCode::unreachable, "local_error",
                       fmt::format("{} does not answer: {}; check that it runs, and that port and name are right",
                                   place, answer.error.message()));
  // The script may exist and even work: it was only not queried.
  if (answer.status >= 300 && answer.status <= 399)
    throw failed_probe(
        ExitCode::unreachable, "local_error",
        fmt::format("{} redirects with HTTP status {}{}; probe speaks plain HTTP only and follows no "
                    "redirects: let that server answer /cgi-bin/ping.pl over HTTP, or ask there yourself",
                    place, answer.status, answer.location.empty() ? "" : " to " + printable(answer.location)));
  if (answer.status < 200 || answer.status > 299)
    throw failed_probe(ExitCode::unreachable, "local_error",
                       fmt::format("{} answers with HTTP status {} to /cgi-bin/ping.pl; check that it has this script",
                                   place, answer.status));
  const std::string verdict = probe_verdict(answer.body, remote);
  if (verdict != "ok")
    throw failed_probe(ExitCode::failed, verdict,
                       fmt::format("{0} does not reach {1}; `loncctl status {1}` there says why", local->id, remote));
  std::cout << "ok\n";
  return ExitCode::ok;
}

ExitCode run_hosts_command(const Options& options) {
  if (!options.words.empty())
    throw node::UsageError("hosts takes no arguments; leave out `" + options.words.front() + "`");
  for (const core::Host& host : read_hosts(find_node(options).settings).hosts) std::cout << host.id << "\n";
  return ExitCode::ok;
}

}  // namespace lonc::ctl
