#include "support/catch.hpp"
#include "support/process_help.hpp"

#include <lonc/node/check/start_check.hpp>

#include <sys/resource.h>

using namespace lonc::node;
using lonc::core::Problem;

namespace {

Settings settings_of(unsigned min_connections, unsigned max_connections, unsigned max_clients) {
  Settings settings;
  settings.peer.engine.min_connections = min_connections;
  settings.peer.engine.max_connections = max_connections;
  settings.max_clients = max_clients;
  return settings;
}

}  // namespace

TEST_CASE("the soft limit on descriptors is raised to the hard one") {
  lonc::test::Child child{[] {
    const rlimit low{256, 1024};
    if (::setrlimit(RLIMIT_NOFILE, &low) != 0) return 1;
    const DescriptorLimit raised = raise_descriptor_limit();
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    return !raised.error && raised.limit == 1024 && now.rlim_cur == 1024 && now.rlim_max == 1024 ? 0 : 2;
  }};
  CHECK(child.wait() == 0);
}

TEST_CASE("if all descriptors fit there is no problem") {
  // 64 + 10 x (socket and one connection) + 100 clients + 90 surplus connections
  const DescriptorFit fit = fit_descriptors(284, 10, settings_of(1, 10, 100));
  CHECK(fit.needed == 284);
  CHECK(fit.clients == 100);
  CHECK_FALSE(fit.problem);
}

TEST_CASE("there are never more surplus connections than clients") {
  CHECK(fit_descriptors(1'000'000, 1000, settings_of(1, 10, 100)).needed == 64 + 3000 + 100 + 100);
}

TEST_CASE("if not all descriptors fit there are fewer clients, and a warning") {
  const DescriptorFit fit = fit_descriptors(283, 10, settings_of(1, 10, 100));
  CHECK(fit.clients == 99);
  REQUIRE(fit.problem);
  CHECK(fit.problem->kind == Problem::Kind::warning);
  CHECK(fit.problem->text ==
        "10 peers and 100 clients need 284 file descriptors, but only 283 are allowed: at most 99 clients are served "
        "at once");
  CHECK(fit.problem->remedy.find("LimitNOFILE") != std::string::npos);
}

TEST_CASE("the clients that fit have descriptors for their connections") {
  const Settings settings = settings_of(1, 10, 4096);
  for (const std::size_t limit : {400U, 1024U, 2200U, 4096U, 5000U}) {
    const DescriptorFit fit = fit_descriptors(limit, 100, settings);
    const Settings reduced = settings_of(1, 10, fit.clients);
    CHECK(fit_descriptors(limit, 100, reduced).needed <= limit);
    CHECK(fit_descriptors(limit, 100, settings_of(1, 10, fit.clients + 2)).needed > limit);
  }
}

TEST_CASE("peers that do not fit at all are an error") {
  const DescriptorFit fit = fit_descriptors(1024, 1000, settings_of(1, 10, 4096));
  CHECK(fit.clients == 1);
  REQUIRE(fit.problem);
  CHECK(fit.problem->kind == Problem::Kind::error);
  CHECK(fit_descriptors(2164, 1500, settings_of(1, 10, 4096)).clients == 200);  // a third of what the listeners leave
  CHECK(fit.problem->text.find("not even all connections to the peers fit") != std::string::npos);
}

TEST_CASE("peers with their own connection limits are counted with these") {
  Settings settings = settings_of(1, 10, 1000);
  settings.of_peers["a"]["max-connections"] = "2";
  settings.of_peers["b"]["min-connections"] = "4";
  // 64 + 3 x 2 + (1 + 4 + 1) connections + 1000 clients + (1 + 6 + 9) surplus ones
  CHECK(fit_descriptors(100'000, 3, settings).needed == 64 + 6 + 6 + 1000 + 16);
}
