#include <lonc/app/host_table_file.hpp>

#include <sys/un.h>

namespace lonc::app {

HostTableFile read_host_table(const Settings& settings, const ReadFile& read) {
  HostTableFile file;
  file.path = settings.tab_dir + "/hosts.tab";
  std::string text;
  file.error = read(file.path, text);
  if (file.error) return file;
  file.table = core::parse_host_table(text, file.path,
                                      {.own_id = settings.host_id,
                                       .resolve_without_ip = settings.hosts_without_ip == HostsWithoutIp::resolve,
                                       .longest_id = longest_host_id(settings.socket_dir)});
  return file;
}

std::size_t longest_host_id(std::string_view socket_dir) {
  constexpr std::size_t room = sizeof(sockaddr_un::sun_path) - 1;  // a NUL ends the path
  const auto used = socket_dir.size() + 1;
  return used < room ? room - used : 0;
}

}  // namespace lonc::app
