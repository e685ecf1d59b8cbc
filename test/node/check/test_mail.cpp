#include "support/catch.hpp"
#include "support/process_help.hpp"
#include "support/temp_dir.hpp"

#include <lonc/node/check/mail.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>

using namespace lonc::node;
using namespace lonc::test;
using namespace std::chrono_literals;

namespace {

std::string script(const TempDir& dir, const std::string& body) {
  const std::string path = dir / "sendmail";
  write_file(path, "#!/bin/sh\n" + body);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

}  // namespace

TEST_CASE("only printable ASCII is a mail address") {
  CHECK(is_mail_address("korte@example.edu"));
  CHECK(is_mail_address("Admin <korte@example.edu>"));
  CHECK_FALSE(is_mail_address(""));
  CHECK_FALSE(is_mail_address("a@b\nBcc: c@d"));
  CHECK_FALSE(is_mail_address("a@b\r"));
  CHECK_FALSE(is_mail_address(std::string_view{"a\0b", 3}));
  CHECK_FALSE(is_mail_address("k\xf6rte@example.edu"));
}

TEST_CASE("a mail has its recipients in the headers") {
  CHECK(render_mail({{"a@b", "c@d"}, "Subject here", "Text\n"}) ==
        "To: a@b, c@d\nSubject: Subject here\nAuto-Submitted: auto-generated\n\nText\n");
}

TEST_CASE("no header can be injected into a mail") {
  CHECK(render_mail({{"a@b\nBcc: x@y", "c@d"}, "one\r\nBcc: x@y", "Text\n"}) ==
        "To: c@d\nSubject: one  Bcc: x@y\nAuto-Submitted: auto-generated\n\nText\n");
}

TEST_CASE("sendmail gets the mail on its input and no shell interprets it") {
  const TempDir dir;
  const std::string program =
      script(dir, "echo \"$#:$*\" > '" + (dir / "arguments") + "'\ncat > '" + (dir / "mail") + "'\n");
  const std::string text = "To: a@b\n\n$(touch /tmp/no) `x`\n.\n" + std::string(300'000, 'x') + "\n";
  CHECK_FALSE(send_mail(program, text));
  CHECK(read_file(dir / "mail") == text);
  CHECK(read_file(dir / "arguments") == "2:-t -oi\n");
}

TEST_CASE("sendmail starts with default signal handling, whatever is ignored here") {
  const TempDir dir;
  for (const int number : {SIGPIPE, SIGALRM, SIGXFSZ, SIGXCPU, SIGRTMIN}) std::signal(number, SIG_IGN);
  CHECK_FALSE(send_mail(script(dir, "exec grep SigIgn /proc/self/status > '" + (dir / "ignored") + "'\n"), "text"));
  for (const int number : {SIGALRM, SIGXFSZ, SIGXCPU, SIGRTMIN}) std::signal(number, SIG_DFL);
  const std::string ignored = read_file(dir / "ignored");
  REQUIRE(ignored.starts_with("SigIgn:\t"));
  // The C library reserves 32 and 33, and ignores them in processes that it spawns.
  constexpr std::uint64_t own = std::uint64_t{3} << 31U;
  CHECK((std::stoull(ignored.substr(8), nullptr, 16) & ~own) == 0);
}

TEST_CASE("a sendmail that fails is an error") {
  const TempDir dir;
  CHECK(send_mail(script(dir, "exit 75\n"), "text") == std::errc::io_error);
  CHECK(send_mail(dir / "absent", "text") == std::errc::no_such_file_or_directory);
}

TEST_CASE("a sendmail that hangs is killed with all its children") {
  const TempDir dir;
  const std::string program = script(dir, "sleep 600 &\necho $! > '" + (dir / "pid.new") + "'\nmv '" +
                                              (dir / "pid.new") + "' '" + (dir / "pid") + "'\nwait\n");
  const auto begin = std::chrono::steady_clock::now();
  CHECK(send_mail(program, "text", 1s) == std::errc::timed_out);
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  const std::string pid = read_file(dir / "pid");
  REQUIRE_FALSE(pid.empty());
  // Gone, or a zombie that has not been reaped.
  CHECK(wait_until([&] {
    const std::string stat = read_file("/proc/" + std::to_string(std::stoi(pid)) + "/stat");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  }));
}

TEST_CASE("sendmail starts with no signal blocked and with default handling of SIGPIPE") {
  const TempDir dir;
  // With shell built-ins only: the shell itself blocks signals while it starts another program.
  const std::string program = script(dir,
                                     "while read -r line; do case $line in SigBlk*|SigIgn*) echo \"$line\";; esac; done"
                                     " < /proc/$$/status > '" +
                                         (dir / "signals") + "'\n");
  Child child{[&] {
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t mask;
    sigfillset(&mask);
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    return send_mail(program, "text") ? 1 : 0;
  }};
  REQUIRE(child.wait() == 0);
  const std::string signals = read_file(dir / "signals");
  CHECK(signals.starts_with("SigBlk:\t0000000000000000\nSigIgn:\t"));
  CHECK(signals.ends_with("0000\n"));  // none of the first 16, which include SIGPIPE
}
