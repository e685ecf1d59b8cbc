// Two loncs of one node: which of them stays. The one that the service manager has started does, since it is watched
// and restarted; one that loncron has started meanwhile is told to end. Otherwise who runs already stays.
#pragma once

#include <lonc/app/pid_file.hpp>

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace lonc::app {

// True for the main process of a unit of systemd that tells systemd how it does.
bool is_service_process(pid_t pid);

// True for a process called lonc that is for certain not such a one. Of what can not be looked at nothing is certain.
bool is_replaceable(pid_t pid);

// PidFile::acquire(); and for a service process, which ends with an error only to be started again at once, with a wait
// of up to `patience` for the lonc that is in the way. `tell` hears what is waited for.
std::optional<PidFileError> acquire_or_replace(PidFile& file, const std::string& path,
                                               const std::function<void(std::string_view)>& tell,
                                               std::chrono::milliseconds patience = std::chrono::seconds{15});

}  // namespace lonc::app
