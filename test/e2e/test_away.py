"""Peers that leave, return, answer late, speak out of turn, or were never there."""
import time

from e2e.harness import E2eTest, wait_for
from e2e.peers import Load, load


class AwayTest(E2eTest):
    def test_killed_peer(self):
        """con_lost at once, the neighbour is not affected, and the peer is reached again without any action."""
        lost = self.standin(["msul1"])
        self.standin(["msul2"])
        node = self.node(["msul1", "msul2"])
        node.wait_up("msul1")
        with Load(node, ["msul2"], clients=4, seconds=3, rate=500) as neighbour:
            with node.request_in_flight(lost, "msul1", "stall") as waiting:
                lost.kill()
                self.assertEqual(self.assert_quick(0.5, waiting.line), "con_lost")
            node.wait_lost("msul1", 2)
            for _ in range(50):
                self.assert_lost_at_once(node, "msul1")
            again = self.standin(["msul1"])
            wait_for(lambda: again.stats("msul1")["connections"], "lonc connects without being asked", 10)
            node.wait_up("msul1", 2)
            tally = neighbour.finish()
        self.assert_all_right(tally, 1000)
        self.assert_not_held_up(tally)

    def test_never_there(self):
        node = self.node(["msul1"])
        node.wait_lost("msul1")
        self.assert_lost_at_once(node, "msul1")
        self.assert_lost_at_once(node, "msul1", "ping")
        self.assert_lost_at_once(node, "msul1", "encrypt:echo:x")
        self.assertIn("refused", node.peer("msul1")["last_error"])

    def test_restart_of_a_peer_under_load(self):
        """During the restart some requests get con_lost, none a wrong answer; afterwards none is lost."""
        peer, node = self.pair(["msul1", "msul2"])
        with Load(node, ["msul1"], clients=20, seconds=4) as running, Load(node, ["msul2"], seconds=4) as neighbour:
            for _ in range(5):
                peer.down("msul1")
                wait_for(lambda: node.request("msul1", "echo:x") == "con_lost", "it is missed")
                peer.up("msul1")
                wait_for(lambda: node.request("msul1", "echo:x") == "x", "it is back")
            tally, undisturbed = running.finish(), neighbour.finish()
        self.assertEqual((tally["wrong"], tally["closed"], tally["no_connect"], tally["error"]), (0, 0, 0, 0), tally)
        self.assertGreater(tally["con_lost"], 0)
        self.assert_all_right(undisturbed)
        node.wait_up("msul1")
        self.assert_all_right(load(node, ["msul1"], requests=500), 500)

    def test_first_request_after_loss_waits_for_the_reconnect(self):
        """A peer that only closed its connections is reached in one round trip: no request needs to be lost."""
        peer, node = self.pair(["msul1"])
        for number in range(20):
            peer.drop("msul1")
            self.assertEqual(node.request("msul1", f"echo:{number}"), str(number))

    def test_cut_requests_are_lost_and_not_repeated(self):
        peer, node = self.pair(["msul1"])
        for line in ("cut", "cutafter:3:half an answer", "encrypt:cutafter:9:half an answer"):
            before = peer.stats("msul1")["requests"]
            self.assertEqual(node.request("msul1", line), "con_lost")
            self.assertEqual(node.request("msul1", "echo:next"), "next")
            self.assertEqual(peer.stats("msul1")["requests"], before + 2)

    def test_late_reply_reaches_nobody(self):
        _, node = self.pair(["msul1"], settings={"request-timeout": "1s", "max-connections": "1"})
        for line in ("late:1300:old", "encrypt:late:1300:old"):
            self.assertEqual(node.request("msul1", line), "con_lost")
            end = time.monotonic() + 0.7
            while time.monotonic() < end:
                self.assertEqual(node.request("msul1", "echo:new"), "new")

    def test_late_replies_under_load(self):
        _, node = self.pair(["msul1"], settings={"request-timeout": "1s", "max-connections": "3"})
        with Load(node, ["msul1"], clients=10, seconds=5) as running:
            for _ in range(3):
                late = [node.client("msul1") for _ in range(4)]
                for number, client in enumerate(late):
                    client.send(f"late:{1000 + number * 20}:late{number}\n")
                for number, client in enumerate(late):
                    self.assertIn(client.line(), ("con_lost", f"late{number}"))
                    client.close()
            tally = running.finish()
        self.assertEqual((tally["wrong"], tally["closed"]), (0, 0), tally)
        self.assertGreater(tally["ok"], 0)

    def test_line_out_of_turn_reaches_nobody(self):
        """Two lines for one request: it is unknown which of them is the answer, so neither needs to be passed on."""
        peer, node = self.pair(["msul1"], settings={"max-connections": "1"})
        for line, answers in (("unasked:50:boo", ["ok"]), ("twice:boo", ["boo", "con_lost"]),
                              ("encrypt:twice:boo", ["boo", "con_lost"])):
            accepted = peer.stats("msul1")["accepted"]
            self.assertIn(node.request("msul1", line), answers)
            wait_for(lambda: peer.stats("msul1")["accepted"] > accepted, "the connection was replaced")
            node.wait_up("msul1")
            self.assertEqual(node.request("msul1", "echo:mine"), "mine")

    def test_stalled_peer_costs_one_timeout(self):
        _, node = self.pair(["msul1"], settings={"request-timeout": "1s"})
        start = time.monotonic()
        self.assertEqual(node.request("msul1", "stall"), "con_lost")
        self.assertGreater(time.monotonic() - start, 0.9)
        self.assertEqual(node.request("msul1", "echo:next"), "next")

    def test_999_of_1000_away(self):
        hosts = [f"msul{number}" for number in range(1000)]
        self.standin(["msul7"])
        node = self.node(hosts)
        node.wait_up("msul7")
        for host in hosts[::50]:
            node.wait_lost(host, 20)
            self.assert_lost_at_once(node, host)
        tally = load(node, ["msul7"], clients=4, seconds=3, rate=500)
        self.assert_all_right(tally, 1000)
        self.assert_not_held_up(tally)
