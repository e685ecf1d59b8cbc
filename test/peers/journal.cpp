#include "peers/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace lonc::standin {

Journal::Journal(const std::string& path) : fd_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
  if (fd_ < 0) throw std::system_error(errno, std::system_category(), path);
}

Journal::~Journal() { ::close(fd_); }

void Journal::note(std::string_view host_id, bool encrypted, std::string_view request) {
  std::string line(host_id);
  line.append(encrypted ? " encrypted " : " plain ").append(request) += '\n';
  if (::write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw std::system_error(errno, std::system_category(), "the journal cannot be written");
}

}  // namespace lonc::standin
