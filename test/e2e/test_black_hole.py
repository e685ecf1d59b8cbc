"""A peer whose SYNs go unanswered, asked a hundred times a second for a minute."""
from e2e.harness import E2eTest
from e2e.peers import Load, load


class BlackHoleTest(E2eTest):
    def test_a_minute_of_requests(self):
        self.standin(["msul1"], black_holes=["hole"])
        node = self.node(["hole", "msul1"], settings={"connect-timeout": "2s"})
        node.wait_up("msul1")
        # Requests that come during the first attempt wait for it; it is over within connect-timeout.
        self.assertEqual(self.assert_quick(4, node.request, "hole", "echo:x"), "con_lost")
        with Load(node, ["msul1"], clients=4, seconds=60, rate=100) as neighbour:
            tally = load(node, ["hole"], clients=10, seconds=60, rate=100)
            self.assert_all_right(neighbour.finish(), 5000)
        self.assertEqual((tally["ok"], tally["wrong"], tally["closed"]), (0, 0, 0), tally)
        self.assertGreater(tally["con_lost"], 5500)
        self.assert_p99_below(tally, 50)
        self.assertIn("no TCP connection within", node.peer("hole")["last_error"])

    def test_black_hole_that_opens(self):
        peer = self.standin(["msul1"], black_holes=["hole"])
        node = self.node(["hole", "msul1"], settings={"connect-timeout": "1s"})
        node.wait_lost("hole", 15)
        peer.down("hole")
        peer.up("hole")
        node.wait_up("hole", 10)
