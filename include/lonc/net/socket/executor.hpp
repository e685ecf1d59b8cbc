// The concrete Asio types used in this layer. Asio's type-erased defaults cost too much on the hot path.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>

namespace lonc::net {

using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;

template <typename T>
using Task = boost::asio::awaitable<T, Strand>;

using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, Strand>;

inline constexpr boost::asio::use_awaitable_t<Strand> use_awaitable{};

}  // namespace lonc::net
