"""The nightly loncron, as far as it concerns lonc: what it reads, counts, signals, renames and starts."""
import os
import re
import signal
import subprocess
import time

from e2e.harness import SLOWNESS

LARGE = 40_000  # bytes above which the log is renamed
MAIL_AT = 200  # loncron mails a report when the weighted sum exceeds this
TAIL = 100  # lines of the log that it reads
STATUS_HEAD = re.compile(r"^LONC status .* - parent (?P<pid>\d+)$")


class Loncron:
    def __init__(self, node):
        self._node = node
        self.log = node.log_file
        self.permanent_log = node.logs / "lonnet.perm.log"
        self.errors = node.logs / "lonc_errors"

    # --- what it counts

    def tail(self):
        return self.log.read_text().splitlines()[-TAIL:]

    def notices(self):
        return sum("INFO" in line or "WARNING" in line for line in self.tail())

    def warnings(self):
        return sum("CRITICAL" in line for line in self.tail()) + self._permanent("F")

    def score(self):
        return self.notices() + 4 * self.warnings()

    def unsent(self):
        """Delayed minus completed."""
        return self._permanent("D") - self._permanent("S")

    def _permanent(self, kind):
        lines = self.permanent_log.read_text().splitlines() if self.permanent_log.exists() else []
        return sum(line.split(":", 2)[1] == kind for line in lines)

    # --- what it does

    def pid(self):
        """The first line of the pid file; 0 without one."""
        try:
            return int(self._node.pid_file.read_text().split("\n")[0])
        except FileNotFoundError:
            return 0

    def is_alive(self):
        pid = self.pid()
        if pid == 0:
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    def check(self):
        """What it reports about the daemon: "responding", or the result of starting it."""
        if self.is_alive():
            os.kill(self.pid(), signal.SIGUSR1)
            return "responding"
        self._node.pid_file.unlink(missing_ok=True)
        self.start()
        return "started" if self._has_pid_file(2) else "not started"

    def start(self):
        """`lonDaemons/lonc 2>>logs/lonc_errors`, and waits for its return."""
        with self.errors.open("ab") as errors:
            return subprocess.run(self._node.command("--daemonize"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=errors, timeout=30 * SLOWNESS, check=False)

    def _has_pid_file(self, seconds):
        end = time.monotonic() + seconds * SLOWNESS
        while not self.is_alive() and time.monotonic() < end:
            time.sleep(0.05)
        return self.is_alive()

    def rotate(self):
        """Renames a log that has become large; returns whether it did."""
        if self.log.stat().st_size <= LARGE:
            return False
        for number in (2, 1):
            old = self.rotated(number)
            if old.exists():
                old.rename(self.rotated(number + 1))
        self.log.rename(self.rotated(1))
        return True

    def rotated(self, number):
        return self.log.with_name(f"lonc.log.{number}")

    def status_lines(self):
        """{peer: its line}, as on its page; and the pid in the head."""
        head, empty, *lines = self._node.status_text.read_text().splitlines()
        assert not empty, "the line behind the head is blank"
        return {line.split("\t")[1]: line for line in lines}, int(STATUS_HEAD.match(head)["pid"])
