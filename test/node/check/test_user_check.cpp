#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <lonc/node/check/mail.hpp>
#include <lonc/node/check/start_check.hpp>

#include <filesystem>

using namespace lonc::node;
using namespace lonc::test;

namespace {

Settings settings_for(const std::string& user) {
  Settings settings;
  settings.host_id = "msul1";
  settings.user = user;
  return settings;
}

// Keeps each mail in dir/mail.
std::string fake_sendmail(const TempDir& dir, const std::string& end = "") {
  const std::string path = dir / "sendmail";
  write_file(path, "#!/bin/sh\ncat > '" + (dir / "mail") + "'\n" + end);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

constexpr uid_t root = 0;

}  // namespace

TEST_CASE("the right user is accepted") { CHECK_FALSE(check_user(settings_for("root"), root)); }

TEST_CASE("another user is refused, with both names and a remedy") {
  const auto problem = check_user(settings_for("root"), 54321);
  REQUIRE(problem);
  CHECK(problem->kind == lonc::core::Problem::Kind::error);
  CHECK(problem->text == "User ID mismatch: lonc must be run as user `root` and was started as uid 54321");
  CHECK(problem->remedy == "start it as that user, or name another one with the setting `user`");

  const auto as_root = check_user(settings_for("nobody"), root);
  REQUIRE(as_root);
  CHECK(as_root->text == "User ID mismatch: lonc must be run as user `nobody` and was started as `root` (uid 0)");
}

TEST_CASE("a user that does not exist is reported as such") {
  const auto problem = check_user(settings_for("no-such-<user>"), root);
  REQUIRE(problem);
  CHECK(problem->text == "the user `no-such-&lt;user&gt;` that lonc must run as does not exist here");
}

TEST_CASE("the mail is sent to both administrators and names host and remedy") {
  const TempDir dir;
  Settings settings = settings_for("nobody");
  settings.adm_email = "adm@example.edu";
  settings.sys_email = "sys@example.edu";
  settings.sendmail = fake_sendmail(dir);
  CHECK(mail_user_mismatch(settings, *check_user(settings, root)).empty());
  const std::string mail = read_file(dir / "mail");
  CHECK(
      mail.starts_with("To: adm@example.edu, sys@example.edu\n"
                       "Subject: LON-CAPA msul1: User ID mismatch, lonc is not running\n"));
  CHECK(mail.find("must be run as user `nobody`") != std::string::npos);
  CHECK(mail.find("Remedy: start it as that user") != std::string::npos);
}

TEST_CASE("an address is used once, and invalid ones are skipped") {
  Settings settings = settings_for("nobody");
  settings.adm_email = "adm@example.edu";
  settings.sys_email = "adm@example.edu";
  const auto problem = *check_user(settings, root);
  CHECK(user_mismatch_mail(settings, problem).to == std::vector<std::string>{"adm@example.edu"});
  settings.adm_email = "adm@example.edu\nBcc: x@y";
  settings.sys_email = "sys@example.edu";
  CHECK(user_mismatch_mail(settings, problem).to == std::vector<std::string>{"sys@example.edu"});
}

TEST_CASE("a host id cannot add a header") {
  Settings settings = settings_for("nobody");
  settings.host_id = "msul1\nBcc: x@y";
  const Mail mail = user_mismatch_mail(settings, *check_user(settings, root));
  CHECK(mail.subject == "LON-CAPA msul1\\x0aBcc: x@y: User ID mismatch, lonc is not running");
}

TEST_CASE("without an address no mail is sent") {
  const TempDir dir;
  Settings settings = settings_for("nobody");
  settings.sendmail = fake_sendmail(dir);
  CHECK(mail_user_mismatch(settings, *check_user(settings, root)).empty());
  settings.adm_email = "bad\naddress";
  CHECK(mail_user_mismatch(settings, *check_user(settings, root)) ==
        "no mail was sent: neither lonAdmEMail nor lonSysEMail holds an address");
  CHECK_FALSE(std::filesystem::exists(dir / "mail"));
}

TEST_CASE("a mail that could not be sent is reported") {
  const TempDir dir;
  Settings settings = settings_for("nobody");
  settings.adm_email = "adm@example.edu";
  settings.sendmail = dir / "absent";
  CHECK(mail_user_mismatch(settings, *check_user(settings, root)) ==
        "no mail was sent: " + (dir / "absent") + ": No such file or directory");
}
