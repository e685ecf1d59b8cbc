// A delayed message: what its file may hold, what the answer to it means, and how the permanent log names it.
#pragma once

#include <lonc/core/types.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

// Read from its file and ready to be sent.
struct DelayedMessage {
  std::string name;  // of its file
  std::string line;  // the command as filed, without line end; it may begin with `encrypt:`
  unsigned attempts = 0;  // that failed and count against it, also those of earlier processes
};

// What a peer is handed out.
struct DelayedBatch {
  std::vector<DelayedMessage> messages{};  // oldest first
  std::size_t waiting = 0;               // of this peer on the disk, these included
  Duration retry_after{};  // without messages though some wait: not before this is it of use to ask again
  bool is_held_up = false;  // the disk is in trouble: what was handed out before must not be sent either
};

enum class DelayedContent {
  whole,         // one command line with its line end
  unterminated,  // one command line without a line end: whole once the file has stopped growing
  empty,         // nothing yet: bad once the file has stopped growing
  bad,           // `reason` says why it can never be sent as it is
};

struct CheckedContent {
  DelayedContent kind = DelayedContent::bad;
  std::string_view line{};  // part of the content
  std::string reason{};     // in words, without any of the content
};

// `limit`: max-line-length.
CheckedContent check_delayed_content(std::string_view content, std::string_view host_id, std::size_t limit);

enum class DelayedVerdict {
  delivered,  // the peer has taken it: logged as sent, then deleted
  retry,      // it reached nobody who could take it: it stays
  set_aside,  // the peer has refused it, and would again: it is for an administrator to look at
};

// The first word of an answer for a log: "empty" if there is none, and "other" for any that is not among the protocol's
// own, since it may be what nobody else is to read.
std::string_view reply_word(std::string_view reply);

// What the peer's answer means for the message that it answers.
DelayedVerdict judge_delayed_reply(std::string_view reply);

// "S:HOSTID:COMMAND", as loncron counts it. Of an encrypted command only the word: "S:HOSTID:encrypt:passwd".
std::string sent_record(std::string_view host_id, std::string_view line);

}  // namespace lonc::core
