#include <lonc/app/user_check.hpp>

#include <lonc/core/text.hpp>

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace lonc::app {
namespace {

// An entry of the user data base; its texts are in `buffer`.
struct User {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
};

std::string quoted(const std::string& outside) { return "`" + core::escape_outside_text(outside) + "`"; }

core::Problem problem(std::string text, std::string remedy) {
  return {core::Problem::Kind::error, {}, 0, std::move(text), std::move(remedy)};
}

}  // namespace

std::optional<UserIds> find_user(const std::string& name) {
  User user;
  ::getpwnam_r(name.c_str(), &user.entry, user.buffer.data(), user.buffer.size(), &user.found);
  if (user.found == nullptr) return std::nullopt;
  return UserIds{.user = user.entry.pw_uid, .group = user.entry.pw_gid};
}

std::string user_name(uid_t uid) {
  User user;
  ::getpwuid_r(uid, &user.entry, user.buffer.data(), user.buffer.size(), &user.found);
  if (user.found == nullptr) return "uid " + std::to_string(uid);
  return "`" + std::string{user.found->pw_name} + "` (uid " + std::to_string(uid) + ")";
}

std::optional<core::Problem> check_user(const Settings& settings, uid_t effective) {
  User user;
  const int error =
      ::getpwnam_r(settings.user.c_str(), &user.entry, user.buffer.data(), user.buffer.size(), &user.found);
  if (user.found == nullptr) {
    const std::string why = error == 0 ? "" : ": " + std::system_category().message(error);
    return problem("the user " + quoted(settings.user) + " that lonc must run as does not exist here" + why,
                   "create it, or name the web server's user with the setting `user`");
  }
  if (user.found->pw_uid == effective) return std::nullopt;
  return problem("User ID mismatch: lonc must be run as user " + quoted(settings.user) + " and was started as " +
                     user_name(effective),
                 "start it as that user, or name another one with the setting `user`");
}

Mail user_mismatch_mail(const Settings& settings, const core::Problem& problem) {
  Mail mail;
  for (const std::string& address : {settings.adm_email, settings.sys_email}) {
    const bool is_known = std::find(mail.to.begin(), mail.to.end(), address) != mail.to.end();
    if (is_mail_address(address) && !is_known) mail.to.push_back(address);
  }
  const std::string host = core::escape_outside_text(settings.host_id);
  mail.subject = "LON-CAPA " + host + ": User ID mismatch, lonc does not run";
  mail.body = "lonc on " + host + " refused to start.\n\n" + problem.text + ".\n\nRemedy: " + problem.remedy +
              ".\nUntil then this server can not talk to its peers.\n";
  return mail;
}

std::string mail_user_mismatch(const Settings& settings, const core::Problem& problem,
                               std::chrono::milliseconds timeout) {
  const bool is_wanted = !settings.adm_email.empty() || !settings.sys_email.empty();
  if (!is_wanted || settings.sendmail.empty()) return {};
  const Mail mail = user_mismatch_mail(settings, problem);
  if (mail.to.empty()) return "no mail was sent: neither lonAdmEMail nor lonSysEMail holds an address";
  const auto error = send_mail(settings.sendmail, render_mail(mail), timeout);
  if (!error) return {};
  return "no mail was sent: " + settings.sendmail + ": " + error.message();
}

}  // namespace lonc::app
