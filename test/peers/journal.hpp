// A file with the requests to a stand-in: from it tests learn what arrived, how often and in which order. It is written
// before the answer is sent, and outlives the lonc that sent the request.
#pragma once

#include <string>
#include <string_view>

namespace lonc::standin {

class Journal {
 public:
  // Appends to the file, which is created if necessary. Throws std::system_error.
  explicit Journal(const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // One line `HOSTID plain|encrypted REQUEST`, in one write. Throws std::system_error.
  void note(std::string_view host_id, bool encrypted, std::string_view request);

 private:
  int fd_;
};

}  // namespace lonc::standin
