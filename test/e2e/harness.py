"""Shared by all end-to-end tests: addresses, and a test case that cleans up after itself."""
import os
import pathlib
import pwd
import random
import shutil
import socket
import tempfile
import time
import unittest

from support.waiting import SLOWNESS, wait_for

TEST_DIR = pathlib.Path(__file__).resolve().parent.parent
BUILD_DIR = TEST_DIR.parent / "build" / "dev"
LONC = os.environ.get("LONC_BINARY", str(BUILD_DIR / "src" / "lonc"))
LONCCTL = os.environ.get("LONC_CTL", str(BUILD_DIR / "src" / "ctl" / "loncctl"))
STANDIN = os.environ.get("LONC_STANDIN", str(BUILD_DIR / "test" / "peers" / "lond-standin"))
LOAD = os.environ.get("LONC_LOAD", str(BUILD_DIR / "test" / "clients" / "lonc-load"))
# With many participants each of them is slow: with sanitizers, only generous limits are checked under load.
UNDER_LOAD = SLOWNESS**2
USER = pwd.getpwuid(os.getuid()).pw_name
# Other users can access the files of a test, whoever runs it.
os.umask(0o022)


class Network:
    """Loopback addresses for peers that share one port, as the peers of a lonc do.

    Each test has its own prefix within 127.0.0.0/8, and the port is outside the range from which the system
    takes ports for outgoing connections: a connect to a closed port must not connect to itself.
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
    """Creates nodes and stand-ins that end with the test, in reverse order of creation."""

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
        """Returns the result of `action`, which must not take longer."""
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

    def assert_not_held_up(self, tally):
        """Nearly all requests of a load were answered at once.

        A bug that delays a request (an attempt to connect, a lookup, a disk, a long list) delays it for seconds.
        Smaller times depend as much on the machine as on lonc: the benchmark and the guard judge these.
        """
        self.assertLess(tally["p99"] / 1000, 500 * UNDER_LOAD, f"{tally}")
