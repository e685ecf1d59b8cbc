"""Two servers that start together: each lond answers pong only after a callback through its own lonc."""
import time

from e2e.harness import SLOWNESS, E2eTest


class CallbackTest(E2eTest):
    def server(self, own, other):
        node = self.node([other], own_id=own, start=False)
        peer = self.standin([own], client=other, callback=node.sockets)
        return peer, node

    def test_two_servers_started_together(self):
        first_lond, first = self.server("msula", "msulb")
        second_lond, second = self.server("msulb", "msula")
        start = time.monotonic()
        first.launch()
        second.launch()
        first.wait_ready()
        second.wait_ready()
        self.assertEqual(first.request("msulb", "echo:to b"), "to b")
        self.assertEqual(second.request("msula", "echo:to a"), "to a")
        self.assertLess(time.monotonic() - start, 2 * SLOWNESS)
        self.assertEqual(first.request("msulb", "encrypt:whoami"), "msulb")
        self.assertEqual(second.request("msula", "encrypt:whoami"), "msula")
        for lond, host in ((first_lond, "msula"), (second_lond, "msulb")):
            self.assertGreaterEqual(lond.stats(host)["pongs"], 1)

    def test_one_after_the_other(self):
        _, first = self.server("msula", "msulb")
        _, second = self.server("msulb", "msula")
        first.start()
        first.wait_up("msulb", 5)
        second.start()
        second.wait_up("msula", 5)

    def test_callback_to_a_lonc_that_is_not_there(self):
        self.standin(["msulb"], callback=self.directory / "nowhere")
        node = self.node(["msulb"])
        node.wait_up("msulb", 5)
