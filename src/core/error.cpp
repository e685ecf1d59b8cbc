#include <lonc/core/error.hpp>

#include <array>
#include <string_view>

namespace lonc::core {

namespace {

struct Explanation {
  std::string_view message;
  std::string_view remedy;
};

Explanation explain(Errc error) {
  switch (error) {
    case Errc::connect_timeout:
      return {"no TCP connection within connect-timeout",
              "check that the peer runs, its address in hosts.tab, and that no firewall drops the lond port"};
    case Errc::name_not_found:
      return {"the peer's name could not be resolved", "check the name in hosts.tab and this server's name service"};
    case Errc::handshake_refused:
      return {"lond refused this server",
              "the peer does not know this server's address: check its line in the peer's hosts.tab and restart "
              "lond there"};
    case Errc::handshake_wrong:
      return {"lond answered the handshake wrongly",
              "look into lond.log on the peer, and check that it is lond that answers on this address and port"};
    case Errc::handshake_silent:
      return {"lond did not answer the handshake in time",
              "lond on the peer is overloaded or hangs: look at its load and lond.log, restart lond if need be"};
    case Errc::handshake_closed:
      return {"lond closed the connection during the handshake",
              "look into lond.log on the peer; it may be stopping, or not know this server's address"};
    case Errc::handshake_too_long:
      return {"a line of the handshake was longer than any lond sends",
              "another service seems to answer: check the peer's address in hosts.tab, and lond-port"};
    case Errc::handshake_garbage:
      return {"the handshake held bytes that no lond sends",
              "another service seems to answer: check the peer's address in hosts.tab, and lond-port"};
    case Errc::handshake_self:
      return {"the server reached says that it is this server",
              "check the peer's address in hosts.tab: it leads here. Nothing is sent to it"};
    case Errc::connection_closed:
      return {"the peer closed the connection",
              "if lond was not restarted there and this happens often, look into lond.log on the peer"};
    case Errc::path_silent:
      return {"nothing came back from the network any more",
              "check the network and the firewalls between the two servers, and that the peer is up"};
    case Errc::request_timeout:
      return {"a request was not answered within request-timeout",
              "look at the peer's load and lond.log; a command there hangs or takes longer than request-timeout"};
    case Errc::out_of_turn:
      return {"the peer sent a line that no request had asked for, or left one out",
              "look into lond.log on the peer, and check that it is lond that answers on this address and port"};
    case Errc::fence_unanswered:
      return {
          "the peer does not answer a ping behind a request with its id",
          "check that hosts.tab names it as its lonHostID does; or set pipeline-depth = 1 for it alone ([peer ID])"};
    case Errc::reply_too_long:
      return {"a reply was longer than max-line-length", "if replies of this size are meant, raise max-line-length"};
    case Errc::reply_not_decodable:
      return {"an encrypted reply could not be decoded",
              "the two servers derive different keys: check that hosts.tab is the same on both, and that neither "
              "has its address under two ids"};
    case Errc::close_requested:
      return {"a local client asked to close the connection", {}};
    case Errc::idle:
      return {"a surplus connection was not used for idle-timeout", {}};
    case Errc::address_changed:
      return {"the name of the peer has another address now", {}};
    case Errc::draining:
      return {"the session is coming to its end", {}};
    case Errc::exit_sent:
      return {"the connection was ended with exit", {}};
  }
  return {"unknown error of lonc", {}};
}

constexpr Errc last_errc = Errc::exit_sent;

struct SystemRemedy {
  std::errc error;
  std::string_view remedy;
};

constexpr auto system_remedies = std::to_array<SystemRemedy>({
    {std::errc::connection_refused, "lond does not listen there: start it on the peer, and check lond-port"},
    {std::errc::timed_out,
     "check that the peer runs, its address in hosts.tab, and that no firewall drops the lond port"},
    {std::errc::host_unreachable, "check that the peer runs, its address in hosts.tab, and the network to it"},
    {std::errc::network_unreachable, "check this server's network and routes, and the peer's address in hosts.tab"},
    {std::errc::network_down, "check this server's network"},
    {std::errc::connection_reset, "look into lond.log on the peer; lond there ended, or a firewall cut the path"},
    {std::errc::connection_aborted, "look into lond.log on the peer, and check the network and the firewalls"},
    {std::errc::broken_pipe, "look into lond.log on the peer; lond there ended"},
    {std::errc::too_many_files_open, "raise the limit on open files of lonc (LimitNOFILE= in its unit, or ulimit -n)"},
    {std::errc::too_many_files_open_in_system, "raise the system's limit on open files (sysctl fs.file-max)"},
    {std::errc::permission_denied, "a firewall or security policy of this server forbids the connection"},
    {std::errc::operation_not_permitted, "a firewall or security policy of this server forbids the connection"},
    {std::errc::address_not_available,
     "check the peer's address in hosts.tab; if it is right, this server has run out of local ports"},
    {std::errc::address_family_not_supported,
     "this server can not use addresses of that kind: check IPv6 here, or the peer's address in hosts.tab"},
    {std::errc::no_buffer_space, "this server is out of network memory: look at its load"},
    {std::errc::not_enough_memory, "this server is out of memory: look at its load"},
});

class LoncCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "lonc"; }
  std::string message(int value) const override { return std::string{explain(static_cast<Errc>(value)).message}; }
};

}  // namespace

const std::error_category& lonc_category() noexcept {
  static const LoncCategory category;
  return category;
}

bool is_own_doing(const std::error_code& error) {
  return error == Errc::draining || error == Errc::close_requested || error == Errc::idle || error == Errc::exit_sent ||
         error == Errc::address_changed;
}

std::string remedy_for(const std::error_code& error) {
  if (error.category() == lonc_category()) return std::string{explain(static_cast<Errc>(error.value())).remedy};
  for (const auto& known : system_remedies) {
    if (error == known.error) return std::string{known.remedy};
  }
  return {};
}

std::string remedy_for_text(std::string_view text) {
  const std::string_view message = text.substr(0, text.find(" (at "));
  for (int value = static_cast<int>(Errc::connect_timeout); value <= static_cast<int>(last_errc); ++value) {
    const Explanation explanation = explain(static_cast<Errc>(value));
    if (explanation.message == message) return std::string{explanation.remedy};
  }
  for (const auto& known : system_remedies) {
    if (std::make_error_code(known.error).message() == message) return std::string{known.remedy};
  }
  return {};
}

}  // namespace lonc::core
