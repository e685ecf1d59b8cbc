"""The two commands that close connections: close_connection_exit for lonc itself, exit for lond."""
from e2e.harness import E2eTest, wait_for


class CloseTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.peer, self.lonc = self.pair(["msul1", "msul2"])

    def test_close_connection_exit(self):
        """Its sender gets an end of file, stuck requests get con_lost, and other clients are not affected."""
        neighbour = self.peer.stats("msul2")["accepted"]
        with self.lonc.request_in_flight(self.peer, "msul1", "stall") as waiting:
            def is_ended():
                self.assertIsNone(self.lonc.request("msul1", "close_connection_exit"))
                self.assertEqual(self.lonc.request("msul1", "echo:next"), "next")
                return "Request Close Connection: 1 of" in self.lonc.log()
            wait_for(is_ended, "the stuck connection is closed", 20)
            self.assertEqual(self.assert_quick(0.5, waiting.line), "con_lost")
        self.assertEqual(self.peer.stats("msul2")["accepted"], neighbour)

    def test_workers_with_that_habit(self):
        """64 workers that send it at any time cost no client an answer, not even one that takes long."""
        with self.lonc.request_in_flight(self.peer, "msul1", "delay:2000:slow") as waiting:
            for _ in range(64):
                self.assertIsNone(self.lonc.request("msul1", "close_connection_exit"))
                self.assertEqual(self.lonc.request("msul1", "echo:next"), "next")
            self.assertEqual(waiting.line(), "slow")

    def test_exit_is_passed_on(self):
        for line in ("exit", "encrypt:exit"):
            accepted = self.peer.stats("msul1")["accepted"]
            self.assertEqual(self.lonc.request("msul1", line), "bye")
            self.assertEqual(self.lonc.request("msul1", "echo:next"), "next")
            self.assertGreater(self.peer.stats("msul1")["accepted"], accepted)
        self.assertNotIn("WARNING", "\n".join(self.lonc.log_about("msul1")))
