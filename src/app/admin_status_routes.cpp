#include <lonc/app/admin_status_routes.hpp>

#include <lonc/app/metrics.hpp>
#include <lonc/app/status_page.hpp>

#include <memory>
#include <utility>

namespace lonc::app {

namespace {

using Done = AdminApi::Done;

AdminApi::Route text_route(SharedText& text, std::string_view type) {
  return [&text, type](const std::string&, Done done) {
    text.get([type, done = std::move(done)](const SharedText::Text& made) {
      done(made ? AdminReply(200, made, type) : admin_error(500, "the text can not be made"));
    });
  };
}

}  // namespace

void add_status_routes(AdminApi& api, StatusServices services) {
  const auto shared = std::make_shared<const StatusServices>(std::move(services));
  for (const char* const target : {"/status", "/loncstatus.json"})
    api.add("GET", target, text_route(shared->status, json_type));
  api.add("GET", "/metrics", text_route(shared->metrics, metrics_type));
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
