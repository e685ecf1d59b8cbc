// Mails to the administrators through the local sendmail, which takes the addresses from the headers. Uses no shell and
// no network.
#pragma once

#include <lonc/core/base/error.hpp>
#include <lonc/node/config/settings.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace lonc::node {

struct Mail {
  std::vector<std::string> to;
  std::string subject;
  std::string body;
};

// False if `text` is empty or has bytes other than printable ASCII: it is not an address or could add a header.
bool is_mail_address(std::string_view text);

// The mail in the form that sendmail reads. Omits invalid addresses; a line end in the subject becomes a space.
std::string render_mail(const Mail& mail);

// Runs `program -t -oi` with `text` as its input and waits for it. Returns timed_out if it took too long and was
// killed, io_error if it exited with a status other than 0.
std::error_code send_mail(const std::string& program, std::string_view text,
                          std::chrono::milliseconds timeout = std::chrono::seconds{10});

// The mail to adm_email and sys_email that lonc was started as the wrong user. `to` is empty if neither is an address.
Mail user_mismatch_mail(const Settings& settings, const core::Problem& problem);

// Sends that mail. Returns what went wrong, as text; empty if it was sent or there is nobody to send it to.
std::string mail_user_mismatch(const Settings& settings, const core::Problem& problem);

}  // namespace lonc::node
