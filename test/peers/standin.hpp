// All hosts of one stand-in process, and the commands by which a test drives them.
#pragma once

#include "peers/host.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::standin {

class Standin {
 public:
  Standin(boost::asio::io_context& io, Environment environment) : io_(io), environment_(std::move(environment)) {}

  Host& add(std::string id, Host::Tcp::endpoint endpoint);
  // Null if there is no host with this id.
  Host* find(std::string_view id);
  const std::vector<std::unique_ptr<Host>>& hosts() const { return hosts_; }

  // `fault ID NAME`, `down ID`, `up ID`, `drop ID`, `hole ID`, `stats ID`. Returns `done COMMAND`, the counts for
  // stats, or `error WHAT`.
  std::string control(std::string_view line);

 private:
  boost::asio::io_context& io_;
  Environment environment_;
  std::vector<std::unique_ptr<Host>> hosts_;
};

}  // namespace lonc::standin
