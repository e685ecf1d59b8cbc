"""Perl's `critical` while a peer leaves and returns: what it reports is what has happened to the command."""
import collections

from e2e.harness import E2eTest, wait_for
from e2e.peers import Critical
from e2e.spool import Spool


class CriticalTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.peer = self.standin(["msul1"], journal=self.directory / "journal")
        self.lonc = self.node(["msul1"])
        self.spool = Spool(self.lonc)
        self.lonc.wait_up("msul1")

    def arrived(self):
        return [request for request in self.peer.arrived("msul1") if request.startswith("echo:")]

    def lose_peer(self):
        self.peer.down("msul1")
        self.lonc.wait_lost("msul1")

    def come_back(self):
        """A request makes lonc try the peer now. The next scheduled attempt may be a minute away."""
        self.peer.up("msul1")
        self.lonc.wait_up("msul1")

    def wait_delivered(self, commands, seconds=15):
        def all_are_there():
            self.assertEqual(sorted(self.arrived()), sorted(commands))
            self.assertEqual(self.spool.waiting(), [])
            return True

        wait_for(all_are_there, "all have arrived once", seconds)

    def test_answered_while_the_peer_is_up(self):
        with Critical(self.lonc, "msul1", "echo:a", "encrypt:echo:b") as perl:
            self.assertEqual(perl.finish(), ["a", "b"])
        self.assertEqual(self.spool.waiting(), [])
        self.assertFalse(self.spool.permanent_log.exists())

    def test_peer_comes_up_while_critical_waits(self):
        """The file exists and the peer is back: it must still exist when it is read back two seconds later."""
        self.lose_peer()
        with Critical(self.lonc, "msul1", "echo:important") as perl:
            wait_for(self.spool.waiting, "the file is written", 20)
            self.come_back()
            self.assertEqual(perl.finish(), ["con_delayed"])
        self.wait_delivered(["echo:important"])
        self.assertEqual(self.spool.permanent("D"), ["echo:important"])
        self.assertEqual(self.spool.permanent("S"), ["echo:important"])
        self.assertEqual(self.spool.permanent("F"), [])

    def test_encrypted(self):
        self.lose_peer()
        with Critical(self.lonc, "msul1", "encrypt:echo:s3cret") as perl:
            self.assertEqual(perl.finish(), ["con_delayed"])
        self.come_back()
        self.wait_delivered(["echo:s3cret"])
        self.assertEqual(self.peer.journalled("msul1")[-1], ("msul1", "encrypted", "echo:s3cret"))
        self.assertEqual(self.spool.permanent("S"), ["encrypt:echo"])

    def test_many_at_once(self):
        """Each is answered or con_delayed; each has arrived exactly once, and D: and S: lines match."""
        workers, rounds = 20, 3
        self.lose_peer()
        commands = [f"echo:worker-%-{number}" for number in range(rounds)]
        with Critical(self.lonc, "msul1", *commands, workers=workers) as perl:
            wait_for(lambda: len(self.spool.waiting()) == workers, "all have written a file", 20)
            self.come_back()
            outcomes = collections.Counter(perl.finish())
        self.assertEqual(outcomes["con_delayed"], workers, outcomes)
        self.assertEqual(outcomes["con_failed"], 0, outcomes)
        self.assertEqual(outcomes.total(), workers * rounds)
        all_commands = [f"echo:worker-{worker}-{number}"
                        for worker in range(1, workers + 1) for number in range(rounds)]
        self.wait_delivered(all_commands)
        delayed = [command for command in all_commands if command.endswith("-0")]
        self.assertEqual(sorted(self.spool.permanent("D")), sorted(delayed))
        self.assertEqual(sorted(self.spool.permanent("S")), sorted(delayed))
        self.assertEqual(self.spool.permanent("F"), [])

    def test_several_of_each_writer(self):
        """Two each, one after the other, and the peer returns when all are on the disk."""
        self.lose_peer()
        with Critical(self.lonc, "msul1", "echo:first-%", "echo:second-%", workers=10) as perl:
            outcomes = collections.Counter(perl.finish())
        self.assertEqual(outcomes, {"con_delayed": 20})
        self.come_back()
        self.wait_delivered([f"echo:{which}-{worker}" for which in ("first", "second") for worker in range(1, 11)])
        self.assertEqual(sorted(self.spool.permanent("D")), sorted(self.spool.permanent("S")))
