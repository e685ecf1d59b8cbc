#include "support/catch.hpp"
#include "support/notify_socket.hpp"

#include <lonc/app/service_manager.hpp>

#include <unistd.h>

#include <cstdlib>
#include <regex>

using lonc::app::ServiceManager;
using lonc::test::NotifySocket;

TEST_CASE("systemd is told of start, reload and stop") {
  const NotifySocket systemd;
  ServiceManager manager;
  CHECK_FALSE(manager.ready("2 peers"));
  CHECK(systemd.next() == "READY=1\nSTATUS=2 peers");
  CHECK_FALSE(manager.reloading());
  CHECK(std::regex_match(systemd.next(),
                         std::regex{"RELOADING=1\nMONOTONIC_USEC=[1-9]\\d*\nSTATUS=Reading the configuration"}));
  CHECK_FALSE(manager.status("1 of 2 peers is away"));
  CHECK(systemd.next() == "STATUS=1 of 2 peers is away");
  CHECK_FALSE(manager.stopping("Draining", std::chrono::minutes{2}));
  CHECK(systemd.next() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=120000000\nSTATUS=Draining");
}

TEST_CASE("systemd says whether it watches this process, and hears that it lives") {
  const NotifySocket systemd;
  ServiceManager manager;
  CHECK(manager.is_there());
  CHECK(manager.watchdog_limit() == std::chrono::microseconds{0});
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  CHECK(manager.watchdog_limit() == std::chrono::seconds{3});
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK(manager.watchdog_limit() == std::chrono::microseconds{0});
  ::unsetenv("WATCHDOG_PID");
  ::unsetenv("WATCHDOG_USEC");
  CHECK_FALSE(manager.alive());
  CHECK(systemd.next() == "WATCHDOG=1");
}

TEST_CASE("a status text can not add a field") {
  const NotifySocket systemd;
  CHECK_FALSE(ServiceManager{}.status("a\nMAINPID=1"));
  CHECK(systemd.next() == "STATUS=a MAINPID=1");
}

TEST_CASE("without systemd nothing is sent and nothing fails") {
  ::unsetenv("NOTIFY_SOCKET");
  ServiceManager manager;
  CHECK_FALSE(manager.is_there());
  CHECK_FALSE(manager.ready("x"));
  CHECK_FALSE(manager.reloading());
  CHECK_FALSE(manager.stopping("x", std::chrono::seconds{1}));
}

TEST_CASE("a notification that can not be sent is an error") {
  ::setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
  CHECK(ServiceManager{}.ready("x"));
  ::unsetenv("NOTIFY_SOCKET");
}
