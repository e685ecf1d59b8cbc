"""The completion of the shell: what bash offers for an unfinished line."""
import os
import pathlib
import subprocess

from e2e.ctl import CtlTest
from e2e.harness import LONCCTL, SLOWNESS, TEST_DIR, USER

SCRIPT = TEST_DIR.parent / "config" / "loncctl.bash-completion"
COMMANDS = ["call", "check", "drain", "hosts", "log-level", "probe", "queue", "reconnect", "reload", "send", "status", "top"]

# Sets what bash sets for a completion function, and prints what it answers.
CALL = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
[[ $(complete -p loncctl) == "complete -F _loncctl loncctl" ]] || exit 3
_loncctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


class CompletionTest(CtlTest):
    def setUp(self):
        super().setUp()
        self.lonc = self.node(["msul1", "msul2", "msus1"], start=False)
        self.where = ["--config", str(self.lonc.config), "--perlsetvar", str(self.lonc.perl_set_var), "--user", USER]

    def complete(self, *words):
        done = subprocess.run(["bash", "-c", CALL, "bash", str(SCRIPT), LONCCTL, *words], capture_output=True, text=True,
                              check=False, timeout=20 * SLOWNESS)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return sorted(done.stdout.split())

    def test_commands(self):
        self.assertEqual(self.complete(""), COMMANDS)
        self.assertEqual(self.complete("re"), ["reconnect", "reload"])
        self.assertEqual(self.complete(*self.where, "st"), ["status"])
        help_text = self.out(self.lonc, "--help")
        for command in COMMANDS:
            self.assertRegex(help_text, f"(?m)^  {command} ")

    def test_options(self):
        self.assertEqual(self.complete("top", "--i"), ["--interval"])
        self.assertEqual(self.complete("queue", "list", "--q"), ["--quarantine"])
        self.assertEqual(self.complete("status", "--q"), [])
        self.assertEqual(self.complete("--ver"), ["--version"])
        # All that are offered are known, with their command.
        for command in COMMANDS:
            for option in self.complete(command, "--"):
                text = self.lonc.ctl(command, option, "--help").stderr
                self.assertNotIn("unrecognised option", text)
                self.assertNotIn("is not for", text)

    def test_hosts(self):
        for command in ("status", "call", "reconnect", "drain", "send", "probe"):
            self.assertEqual(self.complete(*self.where, command, ""), ["data1", "msul1", "msul2", "msus1"], command)
        self.assertEqual(self.complete(*self.where, "status", "msul"), ["msul1", "msul2"])
        self.assertEqual(self.complete("status", *self.where, "msu"), ["msul1", "msul2", "msus1"])
        self.assertEqual(self.complete(*self.where, "drain", "msul1", "msus"), ["msus1"])
        self.assertEqual(self.complete(*self.where, "queue", "list", "--peer", "msus"), ["msus1"])
        self.assertEqual(self.complete(*self.where, "status", "msul1", ""), [])
        self.assertEqual(self.complete(*self.where, "top", ""), [])

    def test_hosts_of_other_settings(self):
        """bash breaks NAME=VALUE at the sign."""
        other = pathlib.Path(self.directory) / "other"
        other.mkdir()
        (other / "hosts.tab").write_text("else1:msu:library:else1.example:127.0.0.9\n")
        self.assertEqual(self.complete(*self.where, "--set", "tab-dir", "=", str(other), "status", ""), ["else1"])
        self.assertEqual(self.complete(*self.where, "--set", f"tab-dir={other}", "status", ""), ["else1"])

    def test_words(self):
        self.assertEqual(self.complete("log-level", ""), ["critical", "debug", "info", "warning"])
        self.assertEqual(self.complete("queue", ""), ["drop", "hold", "list", "release", "retry", "show"])
        self.assertIn(os.path.basename(self.lonc.config), " ".join(self.complete("--config", str(self.lonc.config)[:-2])))

    def test_no_configuration(self):
        self.lonc.hosts_tab.unlink()
        self.assertEqual(self.complete(*self.where, "status", ""), [])
