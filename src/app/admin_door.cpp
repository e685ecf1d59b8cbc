#include <lonc/app/admin_door.hpp>

#include <lonc/app/admin_access.hpp>
#include <lonc/net/group_id.hpp>
#include <lonc/net/socket_file.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

namespace lonc::app {

namespace {

constexpr unsigned own_mode = 0600;
constexpr unsigned group_mode = 0660;
constexpr int backlog = 64;

class UnixDoor final : public AdminDoor {
 public:
  UnixDoor(const std::string& path, const std::string& group)
      : socket_(path, group.empty() ? own_mode : group_mode, group), group_(net::group_id(group)) {}

  int fd() const override { return socket_.fd(); }
  int family() const override { return AF_UNIX; }
  net::UniqueFd accept(std::error_code& error) override { return socket_.accept(error); }
  AdminAccess access_of(int fd) const override {
    const auto user = user_of_peer(fd);
    if (user && may_administer(*user, ::geteuid())) return AdminAccess::all;
    return group_ && is_peer_in_group(fd, *group_) ? AdminAccess::read : AdminAccess::none;
  }
  net::UniqueFd renew() override { return socket_.renew(); }
  void close() override { socket_.remove(); }

 private:
  net::SocketFile socket_;
  std::optional<gid_t> group_;
};

class TcpDoor final : public AdminDoor {
 public:
  explicit TcpDoor(const boost::asio::ip::tcp::endpoint& endpoint)
      : family_(endpoint.protocol().family()),
        fd_(::socket(family_, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)) {
    const int on = 1;
    if (!fd_ || ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(fd_.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
        ::listen(fd_.get(), backlog) != 0)
      throw std::system_error(errno, std::system_category(), "listen");
  }

  int fd() const override { return fd_.get(); }
  int family() const override { return family_; }
  net::UniqueFd accept(std::error_code& error) override { return net::accept_at(fd_.get(), error); }
  AdminAccess access_of(int) const override { return AdminAccess::read; }
  void close() override { ::shutdown(fd_.get(), SHUT_RDWR); }

 private:
  int family_;
  net::UniqueFd fd_;
};

}  // namespace

std::unique_ptr<AdminDoor> open_unix_door(const std::string& path, const std::string& group) {
  return std::make_unique<UnixDoor>(path, group);
}

std::unique_ptr<AdminDoor> open_tcp_door(const boost::asio::ip::tcp::endpoint& endpoint) {
  return std::make_unique<TcpDoor>(endpoint);
}

}  // namespace lonc::app
