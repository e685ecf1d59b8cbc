// Text from outside made fit for a log line, a status page or a person. Nothing here changes what is relayed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

// The command word of a request: what stands before the first colon, `encrypt:` left out and told by
// `is_encrypted_request`. Never more than 15 bytes, bytes other than [A-Za-z0-9_] become '?'. A request without a colon
// that is none of the commands without arguments is "?": it may be a secret.
// All that a log or a status ever shows of a request.
std::string command_word(std::string_view request);

// The letters, digits and '_' at the beginning of a request that is not encrypted: its command, unless the request is
// malformed.
std::string_view leading_word(std::string_view request);

// Outside text for the log, which loncron puts into a web page, and the TAB-separated status file: < > & become
// entities, control and non-ASCII bytes \xHH; longer than `limit` bytes is cut and marked with "...".
std::string escape_outside_text(std::string_view text, std::size_t limit = 200);

// "1 peer", "2 peers".
std::string counted(std::size_t number, std::string_view what);

// "a, b, c", of which at most ten are named: "..., j and 12 more".
std::string listed(const std::vector<std::string>& names);

}  // namespace lonc::core
