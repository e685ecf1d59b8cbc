#include <lonc/app/admin_status_routes.hpp>

#include <lonc/app/status_page.hpp>
#include <lonc/app/status_render.hpp>

#include <boost/asio/post.hpp>

#include <exception>
#include <memory>
#include <utility>

namespace lonc::app {

namespace {

using Done = AdminApi::Done;

void send_status(const StatusServices& services, Done done) {
  services.board.ask([&render = services.render, done = std::move(done)](StatusBoard::Shared snapshot) {
    boost::asio::post(render, [snapshot = std::move(snapshot), done] {
      try {
        done({200, render_status_json(snapshot->parent, snapshot->peers, snapshot->at)});
      } catch (const std::exception& error) {
        done(admin_error(500, std::string("internal error: ") + error.what()));
      }
    });
  });
}

}  // namespace

void add_status_routes(AdminApi& api, StatusServices services) {
  const auto shared = std::make_shared<const StatusServices>(std::move(services));
  for (const char* const target : {"/status", "/loncstatus.json"})
    api.add("GET", target, [shared](const std::string&, Done done) { send_status(*shared, std::move(done)); });
  api.add("GET", "/healthz", [shared](const std::string&, const Done& done) {
    shared->readiness([done](const std::string&) { done({200, "ok\n", text_type}); });
  });
  api.add("GET", "/readyz", [shared](const std::string&, const Done& done) {
    shared->readiness([done](const std::string& why_not) {
      done(why_not.empty() ? AdminReply(200, "ok\n", text_type) : admin_error(503, why_not));
    });
  });
  const auto page = std::make_shared<const std::string>(status_page());
  api.add("GET", "/", [page](const std::string&, const Done& done) { done({200, page, html_type}); });
}

}  // namespace lonc::app
