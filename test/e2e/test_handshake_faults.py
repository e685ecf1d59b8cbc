"""Each kind of handshake failure has its own cause in the status, and delays no other peer."""
import time

from e2e.harness import E2eTest, wait_for

NOT_IN_TIME = "lond did not answer the handshake in time"
CLOSED = "lond closed the connection during the handshake"
GARBAGE = "the handshake contained bytes that no lond sends"
CAUSES = {
    "refuse": "lond refused this server",
    "wrong": "lond gave a wrong answer in the handshake",
    "silent-init": f"{NOT_IN_TIME}.*init",
    "silent-ok": f"{NOT_IN_TIME}.*challenge",
    "silent-ekey": f"{NOT_IN_TIME}.*ekey",
    "close-init": f"{CLOSED}.*init",
    "close-ok": f"{CLOSED}.*challenge",
    "close-ekey": f"{CLOSED}.*ekey",
    "overlong": "longer than any lond sends",
    "garbage": GARBAGE,
    "garbage-ekey": GARBAGE,
    "accept-only": f"{NOT_IN_TIME}.*init",
}
# Only the first connection to a peer sends pong: the next one omits it.
PONG_CAUSES = {"silent-pong": f"{NOT_IN_TIME}.*pong", "close-pong": f"{CLOSED}.*pong"}
SETTINGS = {"connect-timeout": "1s", "pong-timeout": "1s", "backoff-longest": "500ms"}


class HandshakeFaultTest(E2eTest):
    def test_every_fault_is_named(self):
        peer = self.standin([*CAUSES, "good"], faults={fault: fault for fault in CAUSES})
        node = self.node([*CAUSES, "good", "closed-port"], settings=SETTINGS)
        for host in [*CAUSES, "closed-port"]:
            node.wait_lost(host)
        self.assertEqual(node.request("good", "echo:undisturbed"), "undisturbed")
        peers = {entry["id"]: entry for entry in node.status()["peers"]}
        for fault, cause in (CAUSES | {"closed-port": "(?i)connection refused"}).items():
            with self.subTest(fault):
                self.assertRegex(peers[fault]["last_error"] or "", cause)
                self.assertEqual(peers[fault]["connections"], 0)
                self.assert_lost_at_once(node, fault, "ping")
        for fault in CAUSES:
            peer.fault(fault, "none")
        for fault in CAUSES:
            node.wait_up(fault)

    def test_slow_handshake_succeeds(self):
        self.standin(["msul1"], faults={"msul1": "drip"})
        node = self.node(["msul1"], settings=SETTINGS)
        node.wait_up("msul1")
        self.assertEqual(node.request("msul1", "encrypt:echo:x"), "x")

    def test_pong_of_another_host(self):
        """A warning names both ids, and the connection is used nevertheless."""
        self.standin(["msul1"], faults={"msul1": "wrong-id"})
        node = self.node(["msul1"])
        node.wait_up("msul1")
        warning = wait_for(lambda: [line for line in node.log().splitlines() if "another-host" in line], "a warning")
        self.assertIn("WARNING", warning[0])
        self.assertIn("msul1", warning[0])

    def test_pong_that_fails(self):
        self.standin(PONG_CAUSES, faults={fault: fault for fault in PONG_CAUSES})
        node = self.node(PONG_CAUSES, settings=SETTINGS)
        for fault, cause in PONG_CAUSES.items():
            with self.subTest(fault):
                node.wait_up(fault)
                self.assertRegex(node.peer(fault)["last_error"] or "", cause)

    def test_pong_is_sent_once(self):
        peer, node = self.pair(["msul1"])
        for number in range(3):
            peer.drop("msul1")
            self.assertEqual(node.request("msul1", f"echo:{number}"), str(number))
        self.assertEqual(peer.stats("msul1")["pongs"], 1)

    def test_max_attempts(self):
        """The old rule, for those who want it: given up after five attempts, and tried again on request."""
        peer = self.standin(["msul1"], faults={"msul1": "refuse"})
        quick = {"backoff-first": "100ms", "backoff-longest": "100ms"}
        node = self.node(["msul1"], settings={"max-attempts": "5"} | quick)
        wait_for(lambda: peer.stats("msul1")["accepted"] == 5, "five attempts")
        peer.fault("msul1", "none")
        for _ in range(20):
            self.assert_lost_at_once(node, "msul1")
            time.sleep(0.02)
        self.assertEqual(peer.stats("msul1")["accepted"], 5)
        node.wait_peer("msul1", state="up")
