#include "look_up.hpp"

#include <lonc/core/error.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>

#include <memory>
#include <utility>

namespace lonc::ctl {

net::Task<net::Resolver::Answer> look_up(net::Resolver& resolver, std::string name, std::chrono::milliseconds timeout) {
  boost::system::error_code error;
  const auto numeric = boost::asio::ip::make_address(name, error);
  if (!error) {
    net::Resolver::Answer answer;
    answer.addresses.push_back(numeric);
    co_return answer;
  }
  // A handler that has been posted already comes even after the request is gone.
  struct State {
    explicit State(const net::Strand& strand) : timer(strand) {}
    net::Timer timer;
    net::Resolver::Answer answer{.error = core::Errc::name_not_found, .addresses = {}};
  };
  const net::Strand strand = co_await boost::asio::this_coro::executor;
  const auto state = std::make_shared<State>(strand);
  state->timer.expires_after(timeout);
  const auto request = resolver.lookup(std::move(name), strand, [state](net::Resolver::Answer answer) {
    state->answer = std::move(answer);
    state->timer.cancel();
  });
  co_await state->timer.async_wait(boost::asio::redirect_error(net::use_awaitable, error));
  net::Resolver::Answer answer = std::move(state->answer);
  co_return answer;
}

}  // namespace lonc::ctl
