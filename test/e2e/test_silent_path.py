"""A network path that becomes silent: two network namespaces, a cable between them, and one end set down."""
import os
import shutil
import subprocess
import unittest

from e2e.harness import E2eTest, wait_for

SETTINGS = {"keepalive-idle": "1s", "keepalive-interval": "1s", "keepalive-count": "2", "tcp-user-timeout": "2s",
            "connect-timeout": "1s"}


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


def reason_to_skip():
    if os.getuid() != 0:
        return "only root may make network namespaces"
    if not shutil.which("ip"):
        return "there is no ip command"
    name = f"lonc-probe-{os.getpid()}"
    made = ip("netns", "add", name)
    ip("netns", "delete", name)
    return f"network namespaces cannot be made: {made.stderr.strip()}" if made.returncode else None


@unittest.skipIf(reason_to_skip(), reason_to_skip())
class SilentPathTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.near, self.far = f"lonc-near-{os.getpid()}", f"lonc-far-{os.getpid()}"
        for name in (self.near, self.far):
            self.addCleanup(ip, "netns", "delete", name)
            self.must("netns", "add", name)
        self.must("-n", self.near, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.far)
        for name, address in ((self.near, "192.0.2.1/24"), (self.far, "192.0.2.2/24")):
            self.must("-n", name, "address", "add", address, "dev", "cable")
            self.must("-n", name, "link", "set", "cable", "up")
            self.must("-n", name, "link", "set", "lo", "up")
        self.network.pin("msul1", "192.0.2.2")
        self.peer = self.standin(["msul1"], prefix=["ip", "netns", "exec", self.far])
        self.lonc = self.node(["msul1"], settings=SETTINGS, prefix=["ip", "netns", "exec", self.near])
        self.lonc.wait_up("msul1")

    def must(self, *words):
        done = ip(*words)
        self.assertEqual(done.returncode, 0, f"ip {' '.join(words)}: {done.stderr}")

    def cut(self):
        self.must("-n", self.far, "link", "set", "cable", "down")

    def mend(self):
        self.must("-n", self.far, "link", "set", "cable", "up")

    def assert_noticed_and_healed(self):
        warning = wait_for(lambda: [line for line in self.lonc.log_about("msul1") if "WARNING" in line],
                           "the silence is noticed", 15)
        self.assertRegex(warning[0], "the network path to the peer went silent")
        self.assert_lost_at_once(self.lonc, "msul1")
        self.assertIn("the network path to the peer went silent", self.lonc.peer("msul1")["text"])
        self.mend()
        self.lonc.wait_up("msul1", 15)

    def test_idle_connection(self):
        """Keepalive detects it before any user does."""
        self.cut()
        self.assert_noticed_and_healed()

    def test_request_in_flight(self):
        """Unacknowledged data: the user gets con_lost after seconds, not after request-timeout."""
        self.cut()
        with self.lonc.client("msul1", 20) as client:
            client.send("echo:into the void\n")
            self.assertEqual(client.line(), "con_lost")
        self.assert_noticed_and_healed()
