"""A peer whose SYNs are not answered, with a hundred requests a second for a minute."""
import signal

from e2e.harness import E2eTest, wait_for
from e2e.peers import Load, load


class BlackHoleTest(E2eTest):
    def test_a_minute_of_requests(self):
        self.standin(["msul1"], black_holes=["hole"])
        node = self.node(["hole", "msul1"], settings={"connect-timeout": "2s"})
        node.wait_up("msul1")
        # Requests during the first attempt wait for it; it is over within connect-timeout.
        self.assertEqual(self.assert_quick(4, node.request, "hole", "echo:x"), "con_lost")
        with Load(node, ["msul1"], clients=4, seconds=60, rate=100) as neighbour:
            tally = load(node, ["hole"], clients=10, seconds=60, rate=100)
            self.assert_all_right(neighbour.finish(), 5000)
        self.assertEqual((tally["ok"], tally["wrong"], tally["closed"]), (0, 0, 0), tally)
        self.assertGreater(tally["con_lost"], 5500)
        self.assert_not_held_up(tally)
        self.assertIn("no TCP connection within", node.peer("hole")["last_error"])

    def test_a_thousand_beside_one_that_lives(self):
        """They delay the healthy peer neither at the start nor when its connection is lost."""
        holes = [f"hole{number}" for number in range(999)]
        peer = self.standin(["msul1"], black_holes=holes)
        node = self.node([*holes, "msul1"], start=False, settings={"backoff-first": "1s"})
        node.launch()
        wait_for(lambda: node.socket_path("msul1").exists(), "the socket is there", 20)
        self.assertEqual(self.assert_quick(2, node.request, "msul1", "echo:start"), "start")
        node.wait_ready()
        for _ in range(3):
            node.signal(signal.SIGUSR1)
            peer.drop("msul1")
            node.wait_up("msul1", 2)

    def test_black_hole_that_opens(self):
        peer = self.standin(["msul1"], black_holes=["hole"])
        node = self.node(["hole", "msul1"], settings={"connect-timeout": "1s"})
        node.wait_lost("hole", 15)
        peer.down("hole")
        peer.up("hole")
        node.wait_up("hole", 10)
