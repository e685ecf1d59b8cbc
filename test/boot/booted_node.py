"""A LON-CAPA node in a booted container: lonc from its package, Apache with mod_perl as `www`, and its peers' lond."""
import os
import pathlib
import re
import socket
import sys
import time
import unittest

from e2e.harness import SLOWNESS, wait_for
from e2e.node import Client
from e2e.peers import Peer
from e2e.spool import Spool
from boot.container import TESTS_INSIDE, Container, reason_to_skip
from boot.web import Browser

DEB = pathlib.Path(os.environ.get("LONC_DEB", "no such package"))
DEB_INSIDE = "/srv/lonc.deb"
PORT = 5663
OWN_ID = "data1"
HOSTS = {OWN_ID: "127.0.0.1", "msul1": "127.0.1.1", "msul3": "127.0.1.3"}
SECRET = "s3cret"  # part of every text that must not appear in a log

VARIABLES = {
    "lonHostID": OWN_ID, "lonSockDir": "/home/httpd/sockets", "lonDaemons": "/home/httpd/perl",
    "lonTabDir": "/home/httpd/lonTabs", "lonDocRoot": "/home/httpd/html", "londPort": PORT,
}
DIRECTORIES = ("sockets", "sockets/delayed", "perl", "perl/logs", "lonTabs", "html", "html/lon-status")

# Warnings of the container that are unrelated to the node.
EXPECTED_WARNINGS = (
    r"^dbus-daemon: .*Failed to set fd limit",
)


class Lond(Peer):
    """A peer's lond in the container: Perl, one process for each connection."""

    def __init__(self, container, host):
        self.address = HOSTS[host]
        self.journal = container.path(f"/var/tmp/lond.{host}")
        super().__init__(container.command(
            f"{TESTS_INSIDE}/peers/lond.pl", "--id", host, "--client-id", OWN_ID, "--listen", f"{self.address}:{PORT}",
            "--journal", f"/var/tmp/{self.journal.name}"))

    def connections(self):
        """The remote ends of open connections, as the system names them; this process is in the container's network."""
        wanted = [f"{int.from_bytes(socket.inet_aton(self.address), sys.byteorder):08X}:{PORT:04X}", "01"]
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return {row[1] for row in rows if row[2:4] == wanted}

    def arrived(self):
        """(plain or encrypted, request), in order of arrival, including those of its predecessors."""
        if not self.journal.exists():
            return []
        return [tuple(line.split(" ", 2)[1:]) for line in self.journal.read_text().splitlines()]


class BootedNode:
    def __init__(self, name, with_lonc=True):
        self.container = Container(name, {DEB_INSIDE: DEB})
        self.run = self.container.run
        self.path = self.container.path
        self.londs = {}
        self.browser = Browser("127.0.0.1", 80)
        self.sockets = self.path(VARIABLES["lonSockDir"])
        self.logs = self.path("/home/httpd/perl/logs")
        self.log_file = self.logs / "lonc.log"
        self.pid_file = self.logs / "lonc.pid"
        self.status_file = self.path("/home/httpd/html/lon-status/loncstatus.json")
        self.spool = Spool(self)
        try:
            self._furnish()
            for host in HOSTS:
                self.start_lond(host)
            if with_lonc:
                self.install()
        except BaseException:
            print(self.description())
            self.close()
            raise

    def _furnish(self):
        """What LON-CAPA's installation does before lonc is installed."""
        self.run("useradd", "--system", "--user-group", "--home-dir", "/home/httpd", "--create-home", "www")
        self.run("mkdir", "-p", *(f"/home/httpd/{name}" for name in DIRECTORIES))
        self.run("chown", "-R", "www:www", "/home/httpd")
        self.run("chmod", "755", "/home/httpd")
        self.container.write("/etc/httpd/conf/loncapa.conf",
                             "".join(f"PerlSetVar {name} {value}\n" for name, value in VARIABLES.items()))
        self.write_hosts(HOSTS)

        self.run("a2dismod", "--quiet", "--force", "mpm_event")
        self.run("a2enmod", "--quiet", "mpm_prefork", "perl")
        self.run("a2dissite", "--quiet", "000-default")
        self.run("sed", "-i", "s/^export APACHE_RUN_\\(USER\\|GROUP\\)=.*/export APACHE_RUN_\\1=www/",
                 "/etc/apache2/envvars")
        self.container.write("/etc/apache2/ports.conf", f"Include {TESTS_INSIDE}/boot/apache/site.conf\n")
        self.container.systemctl("restart", "apache2")

    def write_hosts(self, hosts):
        table = "".join(f"{host}:msu:library:{host}.example.org:{address}\n" for host, address in hosts.items())
        self.container.write("/home/httpd/lonTabs/hosts.tab", table)

    def install(self, deb=DEB_INSIDE):
        """As an administrator does; the package has to start lonc."""
        self.run("dpkg", "--install", deb)
        self.wait_serving()

    def close(self):
        for lond in self.londs.values():
            lond.close()
        self.container.close()

    def description(self):
        """For a test that failed."""
        parts = {"journal": self.container.journal_text()[-12000:]}
        for name in ("/home/httpd/perl/logs/lonc.log", "/var/log/apache2/error.log"):
            path = self.path(name)
            parts[name] = path.read_text(errors="replace")[-4000:] if path.exists() else "(there is none)"
        return "".join(f"--- {name}:\n{text}\n" for name, text in parts.items())

    # --- peers

    def start_lond(self, host):
        self.londs[host] = Lond(self.container, host)

    def stop_lond(self, host):
        self.londs.pop(host).close()

    def restart_lond(self, host):
        self.stop_lond(host)
        self.start_lond(host)

    # --- lonc

    def main_pid(self):
        """The pid of lonc's main process according to systemd, inside the container; 0 if there is none."""
        return int(self.container.properties("lonc", "MainPID")["MainPID"])

    def pids(self):
        """All processes called lonc."""
        return [int(pid) for pid in self.run("pgrep", "-x", "lonc", check=False).stdout.split()]

    def is_active(self):
        return self.container.properties("lonc", "ActiveState")["ActiveState"] == "active"

    def ask(self, host, line):
        """Sends one line to a socket, without Apache; returns the answer."""
        with Client(self.sockets / host) as client:
            return client.ask(line)

    def is_up(self, host):
        return self.ask(host, "whoami") == host

    def wait_up(self, host, seconds=20):
        wait_for(lambda: self.is_up(host), f"{host} is up", seconds)

    def wait_lost(self, host, seconds=10):
        wait_for(lambda: self.ask(host, "whoami") == "con_lost", f"{host} is away", seconds)

    def wait_serving(self, seconds=20):
        wait_for(lambda: self.is_active() and all(map(self.is_up, self.londs)), "lonc serves", seconds)

    def wait_state(self, seconds=20, **wanted):
        """Waits until systemd reports these properties of lonc, such as ActiveState="active"."""

        def reached():
            found = self.container.properties("lonc", *wanted)
            return found if found == wanted else None

        return wait_for(reached, f"lonc has {wanted}", seconds)

    def reset(self):
        """Cleans up after a test, so that the next one finds a node that serves."""
        for host in HOSTS:
            if host not in self.londs:
                self.start_lond(host)
        if self.path("/usr/sbin/lonc").exists() and not self.is_active():
            self.run("killall", "lonc", check=False)
            self.container.systemctl("restart", "lonc")
        self.wait_serving(60)


@unittest.skipIf(reason_to_skip(), reason_to_skip())
class NodeTest(unittest.TestCase):
    """One node for all tests of a module. Each finds it serving, and must expect each warning in the journal."""

    node = None
    with_lonc = True

    @classmethod
    def make_node(cls):
        """Called once per module."""
        NodeTest.node = BootedNode(cls.__module__.rsplit("_", 1)[-1], cls.with_lonc)

        def close():
            NodeTest.node.close()
            NodeTest.node = None

        unittest.addModuleCleanup(close)

    def shortDescription(self):
        return None  # names, not the first lines of docstrings

    def setUp(self):
        is_first = NodeTest.node is None
        if is_first:
            self.make_node()
        self.container = self.node.container
        self.node.reset()
        self.expected_warnings = list(EXPECTED_WARNINGS)
        # The first test also checks the journal of the boot and the installation.
        self.cursor = None if is_first else self.container.journal_cursor()

    def tearDown(self):
        if self._is_failed():
            print(f"--- {self.id()}\n{self.node.description()}")
            return
        try:
            self.assert_journal_as_expected()
        except AssertionError:
            print(f"--- {self.id()}\n{self.node.description()}")
            raise

    def _is_failed(self):
        result = self._outcome.result
        return any(test is self for test, _ in result.failures + result.errors)

    # --- journal

    def expect_warning(self, *patterns):
        """These may appear in the journal, as `IDENTIFIER: MESSAGE`, or `lonc PEER: MESSAGE`."""
        self.expected_warnings += patterns

    def assert_journal_as_expected(self):
        entries = [(entry.get("PRIORITY", "6"), line_of(entry)) for entry in self.container.journal(after=self.cursor)]
        unexpected = [line for priority, line in entries if int(priority) <= 4
                      and not any(re.search(pattern, line) for pattern in self.expected_warnings)]
        self.assertEqual(unexpected, [], "these should not be in the journal")
        self.assertFalse([line for _, line in entries if SECRET in line], "a secret is in the journal")

    def lonc_entries(self, **fields):
        """The journal entries of lonc itself during this test."""
        return self.container.journal(self.cursor, SYSLOG_IDENTIFIER="lonc", _COMM="lonc", **fields)

    # --- time

    def assert_stays(self, seconds, condition, what):
        """The condition holds all the time: there is no event to wait for if something must not happen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.assertTrue(condition(), what)
            time.sleep(0.1)

    def assert_less_time(self, took, seconds):
        self.assertLess(took, seconds * SLOWNESS)


def line_of(entry):
    message = entry.get("MESSAGE", "")
    if isinstance(message, list):  # journalctl's form of text that is not UTF-8
        message = bytes(message).decode("latin-1")
    return " ".join(filter(None, (entry.get("SYSLOG_IDENTIFIER"), entry.get("PEER")))) + f": {message}"
