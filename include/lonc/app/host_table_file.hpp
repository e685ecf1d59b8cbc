// hosts.tab of this installation, read by the rules that the settings give. The parsing is core's.
#pragma once

#include <lonc/app/read_file.hpp>
#include <lonc/app/settings.hpp>
#include <lonc/core/host_table.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::app {

struct HostTableFile {
  std::string path;
  std::error_code error;  // the file can not be read, `table` is empty
  core::HostTable table;
};

HostTableFile read_host_table(const Settings& settings, const ReadFile& read = read_file);

// Bytes of an id that fit, behind `socket_dir` and a slash, in the path of a UNIX socket; 0 if none fits.
std::size_t longest_host_id(std::string_view socket_dir);

}  // namespace lonc::app
