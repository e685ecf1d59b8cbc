#include <lonc/core/base/error.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace lonc::core {

namespace {

struct Explanation {
  Errc error;
  std::string_view message;
  std::string_view remedy{};
};

// One for each error.
constexpr auto explanations = std::to_array<Explanation>({
    {Errc::connect_timeout, "no TCP connection within connect-timeout",
     "check that the peer runs, its address in hosts.tab, and that no firewall drops the lond port"},
    {Errc::name_not_found, "the peer's name could not be resolved",
     "check the name in hosts.tab and this server's name service"},
    {Errc::handshake_refused, "lond refused this server",
     "the peer does not know this server's address: check its line in the peer's hosts.tab and restart "
     "lond there"},
    {Errc::handshake_wrong, "lond gave a wrong answer in the handshake",
     "check lond.log on the peer, and that it is lond that answers at this address and port"},
    {Errc::handshake_silent, "lond did not answer the handshake in time",
     "lond on the peer is overloaded or hangs: check its load and lond.log, and restart lond if necessary"},
    {Errc::handshake_closed, "lond closed the connection during the handshake",
     "check lond.log on the peer; it may be stopping, or not know this server's address"},
    {Errc::handshake_too_long, "a line of the handshake was longer than any lond sends",
     "another service seems to answer: check the peer's address in hosts.tab, and lond-port"},
    {Errc::handshake_garbage, "the handshake contained bytes that no lond sends",
     "another service seems to answer: check the peer's address in hosts.tab, and lond-port"},
    {Errc::handshake_self, "the server reached says that it is this server",
     "check the peer's address in hosts.tab: it leads here. Nothing is sent to it"},
    {Errc::connection_closed, "the peer closed the connection",
     "if lond was not restarted there and this happens often, check lond.log on the peer"},
    {Errc::path_silent, "the network path to the peer went silent",
     "check the network and the firewalls between the two servers, and that the peer is up"},
    {Errc::request_timeout, "a request was not answered within request-timeout",
     "check the peer's load and lond.log; a command there hangs or takes longer than request-timeout"},
    {Errc::out_of_turn, "the peer sent an unsolicited line, or omitted one",
     "check lond.log on the peer, and that it is lond that answers at this address and port"},
    {Errc::fence_unanswered, "the peer does not answer a ping after a request with its id",
     "check that its id in hosts.tab is its lonHostID; or set pipeline-depth = 1 for this peer only ([peer ID])"},
    {Errc::reply_too_long, "a reply was longer than max-line-length",
     "if replies of this size are expected, raise max-line-length"},
    {Errc::no_memory_for_reply, "there was not enough memory for a reply",
     "raise max-client-memory, and MemoryMax= of the service accordingly"},
    {Errc::reply_not_decodable, "an encrypted reply could not be decoded",
     "the two servers derive different keys: check that hosts.tab is the same on both, and that neither "
     "has its address under two ids"},
    {Errc::close_requested, "a local client asked to close the connection"},
    {Errc::idle, "a surplus connection was not used for idle-timeout"},
    {Errc::address_changed, "the peer's name now has another address"},
    {Errc::draining, "the session is ending"},
    {Errc::exit_sent, "the connection was ended with exit"},
});
static_assert(explanations.size() == static_cast<std::size_t>(Errc::exit_sent));

const Explanation& explain(int error) {
  static constexpr Explanation unknown{{}, "unknown lonc error"};
  const auto known = std::ranges::find(explanations, static_cast<Errc>(error), &Explanation::error);
  return known == explanations.end() ? unknown : *known;
}

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
    {std::errc::connection_reset, "check lond.log on the peer; lond there ended, or a firewall cut the path"},
    {std::errc::connection_aborted, "check lond.log on the peer, the network and the firewalls"},
    {std::errc::broken_pipe, "check lond.log on the peer; lond there ended"},
    {std::errc::too_many_files_open, "raise the limit on open files of lonc (LimitNOFILE= in its unit, or ulimit -n)"},
    {std::errc::too_many_files_open_in_system, "raise the system's limit on open files (sysctl fs.file-max)"},
    {std::errc::permission_denied, "a firewall or security policy of this server forbids the connection"},
    {std::errc::operation_not_permitted, "a firewall or security policy of this server forbids the connection"},
    {std::errc::address_not_available,
     "check the peer's address in hosts.tab; if it is right, this server has run out of local ports"},
    {std::errc::address_family_not_supported,
     "this server cannot use addresses of that kind: check IPv6 here, or the peer's address in hosts.tab"},
    {std::errc::no_buffer_space, "this server is out of network memory: check its load"},
    {std::errc::not_enough_memory, "this server is out of memory: check its load"},
});

class LoncCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "lonc"; }
  std::string message(int value) const override { return std::string{explain(value).message}; }
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
  if (error.category() == lonc_category()) return std::string{explain(error.value()).remedy};
  const auto known = std::ranges::find_if(system_remedies, [&](const auto& each) { return error == each.error; });
  return known == system_remedies.end() ? std::string() : std::string{known->remedy};
}

std::string to_string(const Problem& problem) {
  std::string text = problem.file;
  if (!text.empty()) {
    if (problem.line != 0) text += ':' + std::to_string(problem.line);
    text += ": ";
  }
  constexpr std::array<const char*, 3> words{"note: ", "warning: ", "error: "};  // in the order of Problem::Kind
  text += words.at(static_cast<std::size_t>(problem.kind)) + problem.text;
  if (!problem.remedy.empty()) text += "; " + problem.remedy;
  return text;
}

}  // namespace lonc::core
