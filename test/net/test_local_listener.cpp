#include "net/client/local_listener.hpp"
#include "net/net_support.hpp"
#include "net/no_more_descriptors.hpp"
#include "support/catch.hpp"

#include <boost/asio/post.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>

using lonc::net::ClientLimit;
using lonc::net::LocalListener;
using lonc::os::SocketFile;
using lonc::os::UniqueFd;
using lonc::test::connect_local;
using lonc::test::NoMoreDescriptors;
using lonc::test::run_ready;
using lonc::test::run_until;
using lonc::test::TempDir;
using lonc::test::Wire;

namespace {

struct Accepted : LocalListener::Handler {
  void client_connected(UniqueFd fd, ClientLimit::Slot slot) override {
    clients.push_back(std::move(fd));
    slots.push_back(std::move(slot));
  }
  void accept_failed(std::error_code error) override { errors.push_back(error); }
  void client_refused(ClientLimit::Place why) override { refusals.push_back(why); }
  std::vector<UniqueFd> clients;
  std::vector<ClientLimit::Slot> slots;
  std::vector<std::error_code> errors;
  std::vector<ClientLimit::Place> refusals;
};

struct Fixture {
  explicit Fixture(std::size_t limit = 1000, std::size_t refused = 2) : clients(limit, refused) {}
  TempDir directory;
  std::string path = directory / "msul1";
  boost::asio::io_context io;
  lonc::net::Strand strand = boost::asio::make_strand(io);
  ClientLimit clients;
  Accepted accepted;

  std::shared_ptr<LocalListener> listen() {
    auto listener = std::make_shared<LocalListener>(strand, path, 0600u, "", ClientLimit::Share(clients));
    lonc::test::spawn(strand, [this, listener] { return listener->run(accepted); });
    return listener;
  }
  Wire connect() {
    auto [fd, error] = connect_local(path);
    if (error != 0) throw std::system_error(error, std::system_category());
    return Wire(std::move(fd));
  }
};

struct stat status_of(const std::string& path) {
  struct stat result{};
  REQUIRE(::lstat(path.c_str(), &result) == 0);
  return result;
}

}  // namespace

TEST_CASE("SocketFile has its mode whatever the umask, and leaves no other file") {
  const TempDir directory;
  const mode_t before = ::umask(0077);
  const SocketFile socket(directory / "a", 0666, "");
  ::umask(before);
  CHECK((status_of(directory / "a").st_mode & 0777) == 0666);
  CHECK(directory.names().size() == 1);
}

TEST_CASE("SocketFile replaces a stale socket in one step") {
  const TempDir directory;
  const std::string path = directory / "a";
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(stale);
  CHECK(connect_local(path).second == ECONNREFUSED);
  const SocketFile socket(path, 0600, "");
  CHECK(connect_local(path).second == 0);
  CHECK(directory.names().size() == 1);
}

TEST_CASE("SocketFile is removed only if it is still ours") {
  const TempDir directory;
  const std::string path = directory / "a";
  auto first = std::make_unique<SocketFile>(path, 0600, "");
  auto second = std::make_unique<SocketFile>(path, 0600, "");
  first.reset();
  CHECK(connect_local(path).second == 0);
  second.reset();
  CHECK(directory.names().empty());
}

TEST_CASE("SocketFile does not touch anything that is not a socket") {
  const TempDir directory;
  std::ofstream(directory / "a") << "precious";
  CHECK_THROWS_AS(SocketFile(directory / "a", 0600, ""), std::system_error);
  CHECK(S_ISREG(status_of(directory / "a").st_mode));
  CHECK(directory.names().size() == 1);
}

TEST_CASE("SocketFile fails for a path that no client could use, an unknown group, a missing directory") {
  const TempDir directory;
  CHECK_THROWS_WITH(SocketFile(directory / std::string(200, 'x'), 0600, ""), Catch::Contains("too long"));
  CHECK_THROWS_WITH(SocketFile(directory / "a", 0600, "no-such-group"), Catch::Contains("no-such-group"));
  CHECK_THROWS_AS(SocketFile(directory / "no/a", 0600, ""), std::system_error);
  CHECK(directory.names().empty());
}

TEST_CASE("SocketFile: the longest path that the system allows can be used") {
  const TempDir directory;
  const std::string stem = directory / "";
  const std::string path = stem + std::string(sizeof(sockaddr_un::sun_path) - 1 - stem.size(), 'x');
  const SocketFile socket(path, 0600, "");
  CHECK(connect_local(path).second == 0);
}

TEST_CASE("SocketFile: a removed socket is created again, and clients that wait at the previous one are served") {
  const TempDir directory;
  const std::string path = directory / "a";
  SocketFile socket(path, 0640, "");
  CHECK_FALSE(socket.renew());
  const auto waiting = connect_local(path);
  ::unlink(path.c_str());
  const UniqueFd old = socket.renew();
  REQUIRE(old);
  CHECK((status_of(path).st_mode & 0777) == 0640);
  CHECK_FALSE(socket.renew());
  std::error_code error;
  CHECK(lonc::os::accept_at(old.get(), error));
  CHECK(connect_local(path).second == 0);
  CHECK(socket.accept(error));
  CHECK(directory.names().size() == 1);
}

TEST_CASE("SocketFile: an abandoned socket in its place is replaced, anything else is not touched") {
  const TempDir directory;
  const std::string path = directory / "a";
  SocketFile socket(path, 0600, "");
  {
    const SocketFile other(path, 0600, "");
    CHECK_THROWS_WITH(socket.renew(), Catch::Contains("another process listens there"));
    ::rename(path.c_str(), (directory / "b").c_str());
  }
  ::rename((directory / "b").c_str(), path.c_str());
  CHECK(socket.renew());
  CHECK(connect_local(path).second == 0);
  ::unlink(path.c_str());
  std::ofstream(path) << "precious";
  CHECK_THROWS_WITH(socket.renew(), Catch::Contains("left alone"));
  CHECK(S_ISREG(status_of(path).st_mode));
  ::unlink(path.c_str());
  CHECK(socket.renew());
}

TEST_CASE("SocketFile: a socket removed on purpose is not created again") {
  const TempDir directory;
  SocketFile socket(directory / "a", 0600, "");
  socket.remove();
  CHECK_FALSE(socket.renew());
  CHECK(directory.names().empty());
}

TEST_CASE("LocalListener creates a removed socket again, and serves clients that had connected") {
  Fixture f;
  const auto listener = f.listen();
  CHECK_FALSE(listener->look_after().is_new);  // it has not started
  run_ready(f.io);
  const Wire before = f.connect();
  CHECK(run_until(f.io, [&] { return f.accepted.clients.size() == 1; }));
  const Wire waiting = f.connect();
  ::unlink(f.path.c_str());
  CHECK(listener->look_after().is_new);
  CHECK(f.accepted.clients.size() == 2);
  const auto again = listener->look_after();
  CHECK_FALSE(again.is_new);
  CHECK(again.trouble.empty());
  const Wire after = f.connect();
  CHECK(run_until(f.io, [&] { return f.accepted.clients.size() == 3; }));
  CHECK(f.accepted.errors.empty());
  ::rename(f.directory.path().c_str(), (f.directory.path() + ".away").c_str());
  CHECK_THAT(listener->look_after().trouble, Catch::Contains("No such file"));
  ::rename((f.directory.path() + ".away").c_str(), f.directory.path().c_str());
  CHECK(listener->look_after().trouble.empty());
  listener->stop();
  CHECK_FALSE(listener->look_after().is_new);
  CHECK(f.directory.names().empty());
}

TEST_CASE("LocalListener accepts many clients, and lets other handlers run meanwhile") {
  Fixture f;
  const auto listener = f.listen();
  run_ready(f.io);
  std::vector<Wire> crowd;
  for (int i = 0; i != 300; ++i) crowd.push_back(f.connect());
  bool had_turn = false;
  f.io.restart();
  while (f.accepted.clients.empty()) f.io.run_one_for(std::chrono::seconds{10});
  boost::asio::post(f.strand, [&] {
    had_turn = true;
    CHECK(f.accepted.clients.size() < 300);
  });
  CHECK(run_until(f.io, [&] { return f.accepted.clients.size() == 300; }));
  CHECK(had_turn);
  CHECK(f.clients.served() == 300);
}

TEST_CASE("LocalListener: clients over the limit get con_lost, those over both limits a moment later") {
  Fixture f(4, 2);
  const auto listener = f.listen();
  std::vector<Wire> crowd;
  for (int i = 0; i != 12; ++i) {
    crowd.push_back(f.connect());
    REQUIRE(crowd.back().send("ping\n"));
  }
  REQUIRE(run_until(f.io, [&] { return crowd.back().is_ended(); }));
  CHECK(std::ranges::count_if(crowd, [](Wire& wire) { return wire.received() == "con_lost\n"; }) == 10);
  CHECK(f.accepted.refusals == std::vector{ClientLimit::Place::over_share});
  CHECK(f.accepted.slots.size() == 2);
  f.accepted.slots.clear();
  CHECK(f.clients.served() == 0);
  crowd.clear();
  CHECK(run_until(f.io, [&] { return f.clients.refused() == 0; }));
}

TEST_CASE("LocalListener: a refused client may write at any time, and reads con_lost") {
  Fixture f(0, 10);
  const auto listener = f.listen();
  auto client = f.connect();
  std::size_t lines = 1;
  SECTION("after it has read the answer") {
    REQUIRE(run_until(f.io, [&] { return client.received() == "con_lost\n"; }));
    CHECK(client.send("late\n"));
    REQUIRE(run_until(f.io, [&] { return client.is_ended(); }));
    CHECK(client.send("and later\n"));
    REQUIRE(run_until(f.io, [&] { return client.is_delivered(); }));
    CHECK(client.send("and still later\n"));
  }
  SECTION("several lines at once") {
    lines = 3;
    REQUIRE(client.send("ping\nload\n\n"));
  }
  SECTION("more lines than answers fit into the socket") {
    lines = 60'000;
    const std::string text(lines, '\n');
    REQUIRE(client.send(text));
  }
  SECTION("several lines, then it closes one direction") {
    lines = 200;
    REQUIRE(client.send(std::string(lines, '\n')));
    client.end_writing();
  }
  SECTION("byte by byte") {
    for (const char byte : {'p', 'i', 'n', 'g', '\n'}) {
      CHECK(client.send(std::string_view(&byte, 1)));
      run_ready(f.io);
    }
  }
  SECTION("much, and it reads only after that") {
    const std::string line = std::string(3'000'000, 'x') + "\n";
    for (std::size_t at = 0; at != line.size();) {
      const ssize_t sent = ::send(client.fd(), line.data() + at, line.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
      REQUIRE((sent > 0 || errno == EAGAIN));
      at += sent > 0 ? static_cast<std::size_t>(sent) : 0;
      f.io.restart();
      f.io.run_one_for(std::chrono::milliseconds{20});
    }
  }
  SECTION("a line, then it closes one direction") {
    REQUIRE(client.send("ping\n"));
    client.end_writing();
  }
  REQUIRE(run_until(f.io, [&] { return client.is_ended(); }));
  std::string expected;
  for (std::size_t i = 0; i != lines; ++i) expected += "con_lost\n";
  CHECK(client.received() == expected);
  client.close();
  CHECK(run_until(f.io, [&] { return f.clients.refused() == 0; }));
}

TEST_CASE("LocalListener: silent refused clients are closed in favour of others") {
  Fixture f(0, 2);
  const auto listener = f.listen();
  std::vector<Wire> silent;
  for (int i = 0; i != 6; ++i) silent.push_back(f.connect());
  auto client = f.connect();
  REQUIRE(client.send("ping\n"));
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(run_until(f.io, [&] { return client.is_ended(); }));
  CHECK(client.received() == "con_lost\n");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{4});  // each may take 5 s
}

TEST_CASE("LocalListener without descriptors answers con_lost and continues") {
  Fixture f;
  const auto listener = f.listen();
  // Served before; the undefined behaviour sanitizer also needs a descriptor when it first inspects a type.
  const auto before = f.connect();
  REQUIRE(run_until(f.io, [&] { return f.accepted.clients.size() == 1; }));
  auto first = f.connect();
  auto second = f.connect();
  REQUIRE((first.send("ping\n") && second.send("ping\nload\nping\n")));
  {
    const NoMoreDescriptors none;
    REQUIRE(run_until(f.io, [&] { return first.is_ended() && second.is_ended(); }));
  }
  CHECK(first.received() == "con_lost\n");
  CHECK(second.received() == "con_lost\ncon_lost\ncon_lost\n");
  REQUIRE(f.accepted.errors.size() == 1);
  CHECK(f.accepted.errors[0] == std::errc::too_many_files_open);
  CHECK(f.accepted.clients.size() == 1);
  auto third = f.connect();
  CHECK(run_until(f.io, [&] { return f.accepted.clients.size() == 2; }));
}

TEST_CASE("LocalListener does not spin when even the spare descriptor is gone") {
  Fixture f(1000, 100);
  const auto listener = f.listen();
  const auto before = f.connect();
  REQUIRE(run_until(f.io, [&] { return f.accepted.clients.size() == 1; }));
  auto client = f.connect();
  std::size_t turns = 0;
  {
    const NoMoreDescriptors none(0);
    std::vector<ClientLimit::Slot> spare;
    ClientLimit::Share share(f.clients);
    while (auto slot = share.admit_without_descriptor()) spare.push_back(std::move(*slot));
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{120};
    f.io.restart();
    while (std::chrono::steady_clock::now() < end) turns += f.io.run_one_for(std::chrono::milliseconds{10});
  }
  CHECK(turns < 30);
  CHECK(f.accepted.errors.size() == 1);
  CHECK(run_until(f.io, [&] { return f.accepted.clients.size() == 2; }));
}

TEST_CASE("LocalListener::stop accepts waiting clients, then nobody can connect") {
  Fixture f;
  const auto listener = f.listen();
  run_ready(f.io);
  auto waiting = f.connect();
  const std::string path = f.directory / "kept";
  REQUIRE(::link(f.path.c_str(), path.c_str()) == 0);
  boost::asio::post(f.strand, [&] { listener->stop(); });
  run_ready(f.io);
  CHECK(f.accepted.clients.size() == 1);
  CHECK_FALSE(waiting.is_ended());
  CHECK_FALSE(std::filesystem::exists(f.path));
  CHECK(connect_local(path).second == ECONNREFUSED);
}

TEST_CASE("LocalListener::stop before run refuses waiting clients") {
  Fixture f;
  LocalListener listener(f.strand, f.path, 0600, "", ClientLimit::Share(f.clients));
  auto waiting = f.connect();
  listener.stop();
  CHECK(waiting.received() == "con_lost\n");
  listener.close();
  CHECK(waiting.is_ended());
}
