"""What all end-to-end tests share: waiting with a deadline, addresses, and a test case that clears up after itself."""
import os
import pathlib
import pwd
import random
import shutil
import socket
import tempfile
import time
import unittest

TEST_DIR = pathlib.Path(__file__).resolve().parent.parent
BUILD_DIR = TEST_DIR.parent / "build" / "dev"
LONC = os.environ.get("LONC_BINARY", str(BUILD_DIR / "src" / "lonc"))
LONCCTL = os.environ.get("LONC_CTL", str(BUILD_DIR / "src" / "loncctl" / "loncctl"))
STANDIN = os.environ.get("LONC_STANDIN", str(BUILD_DIR / "test" / "peers" / "lond-standin"))
LOAD = os.environ.get("LONC_LOAD", str(BUILD_DIR / "test" / "clients" / "lonc-load"))
# Bounds on time are multiplied by this: sanitizers and busy machines are slow.
SLOWNESS = float(os.environ.get("LONC_SLOWNESS", "1"))
# Where many take part, each of them is slow: with sanitizers, speed under load is not judged, only that it has bounds.
UNDER_LOAD = SLOWNESS**2
USER = pwd.getpwuid(os.getuid()).pw_name
PAUSE = 0.01
# Other users get at what a test leaves, whoever runs it.
os.umask(0o022)


def wait_for(condition, what, seconds=10.0):
    """Polls until `condition()` is true and returns what it returned; its exceptions count as not yet."""
    deadline = time.monotonic() + seconds * SLOWNESS
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = f"it was {value!r}"
        except (OSError, LookupError, ValueError, AssertionError) as error:
            last = repr(error)
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds * SLOWNESS:g} s: {what} ({last})")
        time.sleep(PAUSE)


class Network:
    """Loopback addresses for peers that share one port, as the peers of a lonc do.

    Each test has a prefix of its own within 127.0.0.0/8, and the port is outside the range from which the system
    takes ports for outgoing connections: a connect to a closed port must not meet itself.
    """

    def __init__(self):
        self._prefix = f"127.{random.randint(1, 254)}"
        self._first = random.randint(1, 200)
        self._ids = {}
        self._pinned = {}
        self.port = self._free_port()

    def _free_port(self):
        for _ in range(1000):
            port = random.randint(15000, 31000)
            with socket.socket() as probe:
                try:
                    probe.bind(("", port))
                    return port
                except OSError:
                    continue
        raise AssertionError("no free port")

    def address(self, host_id):
        if host_id in self._pinned:
            return self._pinned[host_id]
        number = self._ids.setdefault(host_id, len(self._ids))
        return f"{self._prefix}.{self._first + number // 250}.{1 + number % 250}"

    def pin(self, host_id, address):
        self._pinned[host_id] = address

    def place(self, host_id):
        return f"{self.address(host_id)}:{self.port}"


class E2eTest(unittest.TestCase):
    """Makes nodes and stand-ins that end with the test, in the reverse order of their making."""

    def setUp(self):
        self.network = Network()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lonc-e2e-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def shortDescription(self):
        return None  # names, not the first lines of docstrings

    def standin(self, hosts, **options):
        from e2e.peers import Standin

        peer = Standin(self.network, hosts, **options)
        self.addCleanup(peer.close)
        return peer

    def node(self, hosts, start=True, **options):
        from e2e.node import Node

        name = f"node{len(list(self.directory.iterdir()))}"
        node = Node(self.directory / name, self.network, hosts, **options)
        self.addCleanup(self._end, node)
        if start:
            node.start()
        return node

    def pair(self, hosts, settings=None, faults=None):
        """A stand-in with these hosts and a node that has reached them all."""
        peer = self.standin(hosts, faults=faults)
        node = self.node(hosts, settings=settings)
        for host in hosts:
            node.wait_up(host)
        return peer, node

    def _end(self, node):
        result = self._outcome.result
        failed = any(test is self for test, _ in result.failures + result.errors)
        if failed:
            print(f"--- {self.id()}: {node.description()}")
        node.stop(check=not failed)

    def assert_quick(self, seconds, action, *arguments):
        """Returns what `action` returned, which must not take longer."""
        start = time.monotonic()
        value = action(*arguments)
        took = time.monotonic() - start
        self.assertLess(took, seconds * SLOWNESS, f"{action.__name__}{arguments} took {took:.3f} s")
        return value

    def assert_lost_at_once(self, node, host, line="echo:x"):
        self.assertEqual(self.assert_quick(0.5, node.request, host, line), "con_lost")

    def assert_all_right(self, tally, least=1):
        """Every request of a load got its own answer."""
        bad = {name: tally[name] for name in ("con_lost", "error", "closed", "no_connect", "wrong") if tally[name]}
        self.assertFalse(bad, f"{tally}")
        self.assertGreaterEqual(tally["ok"], least / UNDER_LOAD, f"{tally}")

    def assert_p99_below(self, tally, milliseconds):
        self.assertLess(tally["p99"] / 1000, milliseconds * UNDER_LOAD, f"{tally}")
