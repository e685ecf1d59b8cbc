// A delayed message: the name of its file and what that may contain, what the answer to it means, and how the permanent
// log names it.
#pragma once

#include <lonc/core/base/types.hpp>

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

// Read from its file and ready to be sent.
struct DelayedMessage {
  std::string name;  // of its file
  std::string line;  // the command as filed, without line end; it may begin with `encrypt:`
  unsigned attempts = 0;  // failed attempts that count against it, including those of earlier processes
};

// The messages that are handed out to a peer.
struct DelayedBatch {
  std::vector<DelayedMessage> messages{};  // oldest first
  std::size_t waiting = 0;  // of this peer on the disk, including these
  Duration retry_after{};  // if there are no messages although some wait: asking again is useless before this time
  bool is_held_up = false;  // the disk is in trouble: messages handed out earlier must not be sent either
};

enum class DelayedContent {
  whole,  // one command line with its line end
  unterminated,  // one command line without a line end: complete once the file has stopped growing
  empty,  // empty so far: bad once the file has stopped growing
  bad,  // `reason` says why it can never be sent as it is
};

struct CheckedContent {
  DelayedContent kind = DelayedContent::bad;
  std::string_view line{};  // part of the content
  std::string reason{};  // in words, without any of the content
};

// `limit` is max-line-length.
CheckedContent check_delayed_content(std::string_view content, std::string_view host_id, std::size_t limit);

enum class DelayedVerdict {
  delivered,  // the peer has accepted it: logged as sent, then deleted
  retry,  // it reached nobody who could accept it: it stays
  set_aside,  // the peer has refused it and would do so again: an administrator must look at it
};

// The first word of an answer, for a log: "empty" if there is none, and "other" if it is not one of the protocol's own
// words, because nobody else may be allowed to read it.
std::string_view reply_word(std::string_view reply);

// What the peer's answer means for the message that was sent.
DelayedVerdict judge_delayed_reply(std::string_view reply);

// "S:HOSTID:COMMAND", as loncron counts it. Of an encrypted command only the command word: "S:HOSTID:encrypt:passwd".
std::string sent_record(std::string_view host_id, std::string_view line);

// --- names of their files (docs/spool-format.md): TIMESTAMP.COUNT.PID.COMMAND.HOSTID, and the form of 2002,
// TIMESTAMP.COMMAND.HOSTID.

// The order of delivery, as far as the names alone determine it. Messages of the same second are ordered by when their
// files were last changed.
struct DelayedName {
  std::uint64_t timestamp = 0;  // Unix seconds
  std::string text;  // the whole name

  auto operator<=>(const DelayedName&) const = default;
};

struct OwnedDelayedName {
  DelayedName name;
  std::string_view host_id;  // part of the name that was passed in
};

// The host that a file of this name is for. Nothing if it is not the name of a delayed message, or if `is_host` does
// not know the host. An id is matched as a whole, dots included: `...put.s1.msu` is never a message for `msu`.
std::optional<OwnedDelayedName> parse_delayed_name(std::string_view name,
                                                   const std::function<bool(std::string_view id)>& is_host);

// True for a name that looks like a delayed message, for any host.
bool is_delayed_name(std::string_view name);

// Builds a name as lonnet.pm does. `count` is not a serial number and says nothing about the order. `command` is
// shortened to its first 16 bytes, of which only word characters are kept.
std::string make_delayed_name(std::uint64_t timestamp, std::uint64_t count, std::uint64_t pid, std::string_view command,
                              std::string_view host_id);

// What an administrator can configure about the spool of delayed messages.
struct SpoolOptions {
  std::size_t line_limit = default_line_limit;  // bytes of a command
  Duration min_age = std::chrono::seconds{5};  // since the last change of the message's file
  std::size_t batch = 32;  // answered messages that share one sync; more if more peers answer

  bool operator==(const SpoolOptions&) const = default;
};

}  // namespace lonc::core
