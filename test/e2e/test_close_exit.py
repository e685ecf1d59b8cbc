"""The two commands that end connections: close_connection_exit for lonc itself, exit for lond."""
from e2e.harness import E2eTest


class CloseTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.peer, self.lonc = self.pair(["msul1", "msul2"])

    def test_close_connection_exit(self):
        """Its sender gets end of file, requests in flight con_lost, and the connections are opened anew."""
        neighbour = self.peer.stats("msul2")["accepted"]
        before = self.peer.stats("msul1")
        with self.lonc.request_in_flight(self.peer, "msul1", "stall") as waiting:
            self.assertIsNone(self.lonc.request("msul1", "close_connection_exit"))
            self.assertEqual(self.assert_quick(0.5, waiting.line), "con_lost")
        self.assertEqual(self.lonc.request("msul1", "echo:next"), "next")
        self.assertGreater(self.peer.stats("msul1")["accepted"], before["accepted"])
        self.assertEqual(self.peer.stats("msul2")["accepted"], neighbour)

    def test_exit_passes_through(self):
        for line in ("exit", "encrypt:exit"):
            accepted = self.peer.stats("msul1")["accepted"]
            self.assertEqual(self.lonc.request("msul1", line), "bye")
            self.assertEqual(self.lonc.request("msul1", "echo:next"), "next")
            self.assertGreater(self.peer.stats("msul1")["accepted"], accepted)
        self.assertNotIn("WARNING", "\n".join(self.lonc.log_about("msul1")))
