#include <lonc/app/status_render.hpp>

#include "status_common.hpp"

#include <lonc/app/log_line.hpp>
#include <lonc/core/text.hpp>
#include <lonc/net/local_time.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace lonc::app {
namespace {

using WallTime = std::chrono::system_clock::time_point;

// "LOCALTIME: TEXT", empty if there is no text.
void append_timed(std::string& out, WallTime time, std::string_view text) {
  if (text.empty()) return;
  net::append_local_time(out, time);
  out += ": ";
  append_one_line(out, text);
}

struct TextLine {
  std::string_view server;
  std::string text;
  WallTime text_since;
  std::string last_log;
  WallTime last_log_at;
};

void append_status_line(std::string& out, pid_t pid, const TextLine& line) {
  out += std::to_string(pid);
  out += '\t';
  append_one_line(out, line.server);
  out += '\t';
  append_timed(out, line.text_since, line.text);
  out += '\t';
  append_timed(out, line.last_log_at, line.last_log);
  out += '\n';
}

// What the daemon is doing, and what is wrong with it.
std::string parent_text(const ParentReport& parent) {
  std::string text = parent.text;
  const net::SpoolReport& spool = parent.spool;
  if (!spool.trouble.empty())
    text += "; delayed messages are not sent since " + net::local_time_text(spool.trouble_since) + ": " + spool.trouble;
  if (spool.doubtful_count > 0)
    text += "; " + std::to_string(spool.doubtful_count) +
            " delayed messages may have arrived twice, the last of them " +
            core::escape_outside_text(spool.doubtful.back());
  return text;
}

}  // namespace

std::string render_status_text(const ParentReport& parent, const std::vector<net::PeerReport>& peers, WallTime now) {
  std::string out = "LONC status ";
  net::append_local_time(out, now);
  out += " - parent " + std::to_string(parent.pid) + "\n\n";
  append_status_line(out, parent.pid,
                     {"PARENT", parent_text(parent), parent.text_since, last_message(parent), parent.last_log_at});
  for (const net::PeerReport* peer : sorted_by_id(peers)) {
    append_status_line(
        out, parent.pid,
        {peer->status.peer_id, peer->status.text, peer->text_since, last_message(*peer), peer->last_log_at});
  }
  return out;
}

}  // namespace lonc::app
