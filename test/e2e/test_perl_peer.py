"""lonc between an independent lond and lonnet: Perl's own pack, CryptX's IDEA, one line each way."""
from e2e.harness import E2eTest
from e2e.peers import PerlLond, lonnet, tally


class PerlPeerTest(E2eTest):
    def start_pair(self, host, own_id="data1"):
        self.perl = PerlLond(self.network, host, own_id)
        self.addCleanup(self.perl.close)
        self.lonc = self.node([host], own_id=own_id)
        self.lonc.wait_up(host)

    def ask(self, host, *lines):
        return lonnet(self.lonc.sockets, host, *lines)

    def test_plain_and_encrypted(self):
        self.start_pair("msul3")
        texts = ["x" * size for size in range(1, 27)] + ["auth:msu:korte:s3cret", "a%20b&c=d"]
        self.assertEqual(self.ask("msul3", *(f"echo:{text}" for text in texts)), texts)
        self.assertEqual(self.ask("msul3", *(f"encrypt:echo:{text}" for text in texts)), texts)
        self.assertEqual(self.ask("msul3", "ping", "encrypt:ping", "nonsense"), ["msul3", "msul3", "unknown_cmd"])

    def test_ids_with_other_characters(self):
        self.start_pair("msua_1", own_id="fsul-2")
        self.assertEqual(self.ask("msua_1", "encrypt:echo:underscore and minus"), ["underscore and minus"])

    def test_shortest_ids(self):
        self.start_pair("l1", own_id="l2")
        self.assertEqual(self.ask("l1", "encrypt:echo:short ids"), ["short ids"])

    def test_load(self):
        self.start_pair("msul3")
        for mode in ([], ["--encrypt"]):
            out = lonnet("--load", "--workers", 6, "--requests", 100, *mode, self.lonc.sockets, "msul3")
            counts = tally(out[0])
            self.assertEqual((counts["ok"], counts["lost"], counts["wrong"]), (600, 0, 0), out)

    def test_exit_is_passed_on(self):
        self.start_pair("msul3")
        self.assertEqual(self.ask("msul3", "exit"), ["bye"])
        self.lonc.wait_up("msul3")
        self.assertEqual(self.ask("msul3", "encrypt:echo:new key"), ["new key"])

    def test_lost_peer_and_reconlonc(self):
        """lonnet sends SIGUSR1 when a peer is lost, and then reaches it if it is back."""
        self.start_pair("msul3")
        self.perl.close()
        self.lonc.wait_lost("msul3")
        self.assertEqual(self.ask("msul3", "echo:x"), ["con_lost"])
        perl = PerlLond(self.network, "msul3")
        self.addCleanup(perl.close)
        self.assertEqual(lonnet("--pid-file", self.lonc.pid_file, self.lonc.sockets, "msul3", "echo:back"), ["back"])
