#include <lonc/app/administration.hpp>

#include <lonc/app/admin_access.hpp>
#include <lonc/app/admin_address.hpp>
#include <lonc/app/admin_queue_routes.hpp>
#include <lonc/app/admin_status_routes.hpp>
#include <lonc/app/metrics.hpp>
#include <lonc/app/setting_table.hpp>
#include <lonc/core/text.hpp>

#include <boost/asio/post.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::app {

namespace {

constexpr std::size_t short_body = 4 * 1024;
constexpr std::size_t most_reading_connections = 16;
constexpr std::size_t longest_reading_body = 8 * 1024;  // of what is refused then

// Of this thread alone: what it makes is not urgent.
std::error_code be_modest() {
  constexpr int niceness = 5;
  const int result = ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness);
  return result == 0 ? std::error_code{} : std::error_code{errno, std::system_category()};
}

}  // namespace

Administration::Administration(Needs needs)
    : needs_(std::move(needs)),
      status_(needs_.strand, needs_.board, pool_,
              [](const Snapshot& now) { return render_status_json(now.parent, now.peers, now.at); }),
      metrics_(needs_.strand, needs_.board, pool_,
               [this](const Snapshot& now) { return render_metrics(needs_.registry, now); }),
      server_(needs_.io, {}, needs_.log,
              [this](auto request, auto done) { handle(std::move(request), std::move(done)); }),
      reading_server_(needs_.io,
                      {.most_connections = most_reading_connections,
                       .most_readers = most_reading_connections,
                       .body_limit = longest_reading_body},
                      needs_.log, [this](auto request, auto done) { handle(std::move(request), std::move(done)); }) {
  add_routes();
  boost::asio::post(pool_, [this] {
    if (const auto error = be_modest()) boost::asio::post(needs_.strand, [this, error] { tell_not_modest(error); });
  });
}

void Administration::tell_not_modest(const std::error_code& error) {
  needs_.parent.write(core::Severity::notice,
                      "Status and metrics are made with the priority of requests: setpriority: " + error.message());
}

// To read a long body takes long.
void Administration::handle(AdminRequest request, AdminApi::Done done) {
  if (request.body.size() <= short_body) return api_.handle(request, std::move(done));
  boost::asio::post(pool_, [this, request = std::move(request), done = std::move(done)] {
    try {
      api_.handle(request, done);
    } catch (const std::exception& error) {
      done(admin_error(500, std::string("internal error: ") + error.what()));
    }
  });
}

void Administration::add_routes() {
  add_queue_routes(api_, {.spooler = needs_.spooler,
                          .log = needs_.log,
                          .report =
                              [this](const auto& use) {
                                needs_.board.ask([use](const StatusBoard::Shared& snapshot) { use(snapshot->peers); });
                              },
                          .line_limit = [this] { return needs_.settings.max_line_length; }});
  add_status_routes(api_, {.status = status_, .metrics = metrics_, .readiness = [this](auto use) {
                             boost::asio::post(needs_.strand, [this, use = std::move(use)] { use(why_not_ready()); });
                           }});
  add_action_routes(api_, {.reconnect = on_strand(&Administration::reconnect),
                           .drain = on_strand(&Administration::drain),
                           .reload =
                               [this](bool is_forced, const auto& done) {
                                 boost::asio::post(needs_.strand,
                                                   [this, is_forced, done] { needs_.reload(is_forced, done); });
                               },
                           .log_level = [this] { return needs_.log.level(); },
                           .set_log_level =
                               [this](core::Severity level, auto done) {
                                 boost::asio::post(needs_.strand, [this, level, done = std::move(done)] {
                                   set_log_level(level);
                                   done();
                                 });
                               }});
}

std::function<void(PeerChoice, std::function<void(PeersDone)>)> Administration::on_strand(
    PeersDone (Administration::*action)(const PeerChoice&)) {
  return [this, action](PeerChoice choice, std::function<void(PeersDone)> done) {
    boost::asio::post(needs_.strand, [this, action, choice = std::move(choice), done = std::move(done)] {
      const auto unknown = std::ranges::find_if(choice.ids, [this](const auto& id) { return !needs_.fleet.has(id); });
      if (needs_.is_stopping()) return done({.is_stopping = true});
      if (unknown != choice.ids.end()) return done({.unknown = *unknown});
      done((this->*action)(choice));
      needs_.changed();
    });
  };
}

PeersDone Administration::reconnect(const PeerChoice& choice) {
  std::size_t count = choice.ids.size();
  if (choice.is_all) count = needs_.fleet.reconnect();
  for (const std::string& id : choice.ids) needs_.fleet.resume(id);
  needs_.parent.write(core::Severity::notice,
                      "Trying to establish connections again, asked by an administrator: " +
                          (choice.is_all ? "all peers" : core::listed({choice.ids.begin(), choice.ids.end()})));
  return {.done = count};
}

// Each session tells it in the log.
PeersDone Administration::drain(const PeerChoice& choice) {
  const auto until = std::chrono::steady_clock::now() + needs_.settings.drain_timeout;
  for (const std::string& id : choice.ids) needs_.fleet.pause(id, until);
  return {.done = choice.ids.size()};
}

void Administration::set_log_level(core::Severity level) {
  needs_.log.set_level(level);
  needs_.parent.write(core::Severity::notice, "The log level is " + log_level_word(level) +
                                                  " until the next reload, asked by an administrator");
}

void Administration::start() {
  open_admin_socket();
  open_address();
}

void Administration::look_after() {
  if (is_open_) return server_.look_after();
  open_admin_socket();
}

// What is wrong with it is told once.
void Administration::open_admin_socket() {
  try {
    server_.start(open_socket());
    is_open_ = true;
  } catch (const std::exception& error) {
    complain("The admin socket can not be made, so loncctl can not reach this lonc: ", error);
    is_trouble_told_ = true;
  }
}

std::unique_ptr<AdminDoor> Administration::open_socket() {
  const std::string path = admin_socket_path(needs_.settings);
  const std::string& group = needs_.settings.admin_group;
  try {
    return open_unix_door(path, group);
  } catch (const std::exception& error) {
    if (group.empty()) throw;
    complain("The admin socket can not be made for admin-group, so only lonc's own user and root can use it: ", error);
  }
  return open_unix_door(path, "");
}

void Administration::complain(std::string_view what, const std::exception& error) {
  if (!is_trouble_told_)
    needs_.parent.write(core::Severity::warning, std::string(what) + core::escape_outside_text(error.what()));
}

void Administration::open_address() {
  const auto endpoint = parse_admin_address(needs_.settings.admin_address);
  if (!endpoint) return;
  try {
    reading_server_.start(open_tcp_door(*endpoint));
  } catch (const std::exception& error) {
    needs_.parent.write(core::Severity::warning, "Nothing can be read at " + needs_.settings.admin_address + ": " +
                                                     core::escape_outside_text(error.what()) +
                                                     "; choose another admin-address, or end what is there");
  }
}

void Administration::stop(std::function<void()> done) {
  server_.stop([this, done = std::move(done)] { reading_server_.stop(done); });
}

std::string Administration::why_not_ready() const {
  if (needs_.is_stopping()) return "lonc is shutting down";
  const auto missing = needs_.fleet.without_socket();
  return missing.empty() ? std::string() : "there is no socket for " + core::listed(missing) + "; it is tried again";
}

}  // namespace lonc::app
