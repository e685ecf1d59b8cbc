// Leaves a delayed message on the disk as lonnet.pm's critical() does, with the care that it lacks: whole or not at
// all, and durable when it is said to be there.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace lonc::app {

struct WrittenMessage {
  std::string name;  // of its file; empty after an error
  std::error_code error;
  std::string failed_at;  // what could not be done, in words
};

// `line` without line end; the caller has checked it (core::check_delayed_content) and the host. The directory has to
// be there. Blocks for as long as the disk likes.
WrittenMessage write_delayed_message(const std::string& directory, std::string_view host_id, std::string_view line);

}  // namespace lonc::app
