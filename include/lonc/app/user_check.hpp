// lonc shares files and sockets with the web server and therefore runs as its user; anything else is refused at
// start and told to the administrators. Changes no user id.
#pragma once

#include <lonc/app/mail.hpp>
#include <lonc/app/settings.hpp>
#include <lonc/core/problem.hpp>

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

namespace lonc::app {

// Nothing if `effective` is the uid of settings.user.
std::optional<core::Problem> check_user(const Settings& settings, uid_t effective);

struct UserIds {
  uid_t user = 0;
  gid_t group = 0;  // the user's first
};

// Nothing if the system knows no such user.
std::optional<UserIds> find_user(const std::string& name);

// "`www` (uid 33)", or "uid 33" if nobody has it.
std::string user_name(uid_t uid);

// To adm_email and sys_email; `to` is empty if neither holds an address.
Mail user_mismatch_mail(const Settings& settings, const core::Problem& problem);

// Sends that mail. Answers with what went wrong, in words; empty if it was sent or if there is nobody to tell.
std::string mail_user_mismatch(const Settings& settings, const core::Problem& problem,
                               std::chrono::milliseconds timeout = std::chrono::seconds{10});

}  // namespace lonc::app
