// A mail to the administrators through the local sendmail, which is given the addresses in the headers. No shell,
// no network.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace lonc::app {

struct Mail {
  std::vector<std::string> to;
  std::string subject;
  std::string body;
};

// False for what could add a header or is no address at all: empty, or bytes other than printable ASCII.
bool is_mail_address(std::string_view text);

// The mail as sendmail reads it. Addresses that are none are left out; a line end in the subject becomes a blank.
std::string render_mail(const Mail& mail);

// Runs `program -t -oi` with `text` as its input and waits. timed_out when it took longer and was killed,
// io_error when it ended with another status than 0.
std::error_code send_mail(const std::string& program, std::string_view text,
                          std::chrono::milliseconds timeout = std::chrono::seconds{10});

}  // namespace lonc::app
