#include "probe_command.hpp"

#include "node.hpp"
#include "table.hpp"
#include "web_client.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <iostream>

namespace lonc::ctl {

namespace {

// Letters, digits and '_', as in the Perl daemon.
std::string only_word(std::string_view text) {
  std::string word(text);
  std::erase_if(word, [](char byte) {
    const bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    return !is_letter && !(byte >= '0' && byte <= '9') && byte != '_';
  });
  return word;
}

WebAnswer ask(const WebServer& server, const std::string& target, std::chrono::milliseconds timeout) {
  boost::asio::io_context io;
  net::Resolver resolver(1);
  WebAnswer answer;
  boost::asio::co_spawn(boost::asio::make_strand(io), get_from_web(resolver, server, target, timeout),
                        [&answer](const std::exception_ptr& failure, WebAnswer result) {
                          if (failure) std::rethrow_exception(failure);
                          answer = std::move(result);
                        });
  io.run();
  return answer;
}

ExitCode tell(const std::string& verdict, const std::string& why, ExitCode code) {
  std::cout << verdict << "\n";
  if (!why.empty()) std::cerr << "loncctl: " << why << "\n";
  return code;
}

std::string unknown_text(const std::string& id, const app::Settings& settings) {
  return printable(id) + " is not in " + settings.tab_dir + "/hosts.tab; `loncctl hosts` lists those that are";
}

// The script may be there, and even in order: it is only not asked.
std::string redirect_text(const WebAnswer& answer) {
  std::string text = "sends us on with HTTP status " + std::to_string(answer.status);
  if (!answer.location.empty()) text += " to " + printable(answer.location);
  return text +
         "; probe speaks plain HTTP only and follows nothing: that server would have to answer /cgi-bin/ping.pl over "
         "HTTP, or ask there yourself";
}

}  // namespace

std::string probe_verdict(const std::string& body, const std::string& remote) {
  const std::string reply = only_word(body.substr(0, body.find('\n')));
  return reply == only_word(remote) ? "ok" : reply;
}

ExitCode run_probe_command(const Options& options) {
  constexpr std::chrono::seconds usual{5};
  if (options.words.size() != 2) throw app::UsageError("probe takes two hosts, LOCAL and REMOTE");
  app::Settings settings = find_node(options).settings;
  // A host without an address is not served, but can be asked about.
  settings.hosts_without_ip = app::HostsWithoutIp::resolve;
  const core::HostTable hosts = read_hosts(settings);
  const std::string& remote = options.words[1];
  const core::Host* const local = find_host(hosts, options.words[0]);
  if (local == nullptr) return tell("local_unknown", unknown_text(options.words[0], settings), ExitCode::no_match);
  if (find_host(hosts, remote) == nullptr)
    return tell("remote_unknown", unknown_text(remote, settings), ExitCode::no_match);

  const WebServer server{.name = local->name.empty() ? local->address : local->name,
                         .address = local->name.empty() ? local->address : "",
                         .port = options.http_port};
  const WebAnswer answer = ask(server, "/cgi-bin/ping.pl?" + remote, options.timeout.value_or(usual));
  const std::string place =
      "the web server of " + local->id + " (" + server.name + ":" + std::to_string(server.port) + ")";
  if (answer.error)
    return tell("local_error",
                place + " does not answer: " + answer.error.message() +
                    "; check that it runs, and that port and name are right",
                ExitCode::unreachable);
  if (answer.status >= 300 && answer.status <= 399)
    return tell("local_error", place + " " + redirect_text(answer), ExitCode::unreachable);
  if (answer.status < 200 || answer.status > 299)
    return tell("local_error",
                place + " answers with HTTP status " + std::to_string(answer.status) +
                    " to /cgi-bin/ping.pl; check that it has this script",
                ExitCode::unreachable);
  const std::string verdict = probe_verdict(answer.body, remote);
  if (verdict == "ok") return tell(verdict, "", ExitCode::ok);
  return tell(verdict, local->id + " does not reach " + remote + "; `loncctl status " + remote + "` there tells why",
              ExitCode::failed);
}

}  // namespace lonc::ctl
