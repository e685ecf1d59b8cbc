// The command line of lond-standin: hosts, faults, and control over stdin until end of file.
#include "peers/standin.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/program_options.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace options = boost::program_options;
using lonc::standin::BlackHole;
using lonc::standin::Environment;
using lonc::standin::Host;
using lonc::standin::Journal;
using lonc::standin::Standin;

namespace {

using Words = std::vector<std::string>;

options::options_description all_options() {
  options::options_description description("lond-standin: plays lond for tests until its standard input ends");
  auto add = description.add_options();
  add("help", "this text");
  add("host", options::value<Words>()->default_value({}, ""), "ID: a host at the --bind address");
  add("bind", options::value<std::string>()->default_value("127.0.0.1"), "address of --host");
  add("own-port", options::value<unsigned short>()->default_value(0), "port of --host; 0: chosen by the system");
  add("listen", options::value<Words>()->default_value({}, ""), "ID=ADDRESS:PORT: a host at its own address");
  add("black-hole", options::value<Words>()->default_value({}, ""), "ID=ADDRESS:PORT: SYNs stay unanswered");
  add("fault", options::value<Words>()->default_value({}, ""), "ID=NAME: what goes wrong in the handshake");
  add("client", options::value<std::string>()->default_value("data1"), "host id of the lonc that connects");
  add("callback", options::value<std::string>()->default_value(""), "socket directory of our own lonc, for pong");
  add("journal", options::value<std::string>(), "a file that gets every request: HOSTID plain|encrypted REQUEST");
  return description;
}

std::pair<std::string, std::string> split(const std::string& text, char at) {
  const auto position = text.rfind(at);
  if (position == std::string::npos) throw std::invalid_argument("expected '" + std::string(1, at) + "' in " + text);
  return {text.substr(0, position), text.substr(position + 1)};
}

Host& add_host(Standin& standin, const std::string& option) {
  const auto [id, place] = split(option, '=');
  const auto [address, port] = split(place, ':');
  return standin.add(id, {asio::ip::make_address(address), static_cast<unsigned short>(std::stoul(port))});
}

void add_hosts(Standin& standin, const options::variables_map& given) {
  const auto bind = asio::ip::make_address(given["bind"].as<std::string>());
  for (const auto& id : given["host"].as<Words>()) {
    standin.add(id, {bind, given["own-port"].as<unsigned short>()}).listen();
  }
  for (const auto& option : given["listen"].as<Words>()) add_host(standin, option).listen();
  std::vector<BlackHole*> black_holes;
  for (const auto& option : given["black-hole"].as<Words>()) {
    black_holes.push_back(add_host(standin, option).become_black_hole());
  }
  BlackHole::fill(std::move(black_holes));
  for (const auto& option : given["fault"].as<Words>()) {
    const auto [id, name] = split(option, '=');
    const std::string reply = standin.control("fault " + id + " " + name);
    if (!reply.starts_with("done")) throw std::invalid_argument(option + ": " + reply);
  }
}

asio::awaitable<void> control(asio::posix::stream_descriptor input, Standin& standin) {
  std::string buffer;
  while (true) {
    auto [error, size] =
        co_await asio::async_read_until(input, asio::dynamic_buffer(buffer), '\n', asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    std::cout << standin.control(std::string_view(buffer).substr(0, size - 1)) << std::endl;
    buffer.erase(0, size);
  }
}

void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void run(const options::variables_map& given) {
  asio::io_context io(1);
  Environment environment{given["client"].as<std::string>(), given["callback"].as<std::string>(), nullptr};
  if (given.count("journal") != 0) environment.journal = std::make_shared<Journal>(given["journal"].as<std::string>());
  Standin standin(io, std::move(environment));
  add_hosts(standin, given);
  for (const auto& host : standin.hosts()) {
    std::cout << host->id() << ' ' << host->endpoint().address().to_string() << ' ' << host->endpoint().port() << '\n';
  }
  std::cout << "ready" << std::endl;
  auto until_end = control(asio::posix::stream_descriptor(io, ::dup(STDIN_FILENO)), standin);
  asio::co_spawn(io, std::move(until_end), [&io](std::exception_ptr error) {
    io.stop();
    if (error) std::rethrow_exception(error);
  });
  io.run();
  // Running coroutines are destroyed with the context, after the hosts: none of them may access a host.
  for (const auto& host : standin.hosts()) host->down();
  io.restart();
  io.poll();
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    allow_many_descriptors();
    const auto description = all_options();
    options::variables_map given;
    options::store(options::parse_command_line(argc, argv, description), given);
    if (given.count("help") != 0) {
      std::cout << description;
      return EXIT_SUCCESS;
    }
    run(given);
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "lond-standin: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
