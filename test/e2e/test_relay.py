"""Requests that are relayed: plain, encrypted, in pieces, in masses, and beside badly behaved clients."""
import time

from e2e.harness import SLOWNESS, E2eTest, wait_for
from e2e.peers import load

BIG = 5_000_000


def alphabet(size):
    return ("abcdefghijklmnopqrstuvwxyz" * (size // 26 + 1))[:size]


class RelayTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.peer, self.lonc = self.pair(["msul1", "msul2"], settings={"max-line-length": "8000000"})

    def ask(self, line, host="msul1"):
        return self.lonc.request(host, line)

    def test_plain(self):
        self.assertEqual(self.ask("ping"), "msul1")
        self.assertEqual(self.ask("ping", "msul2"), "msul2")
        self.assertEqual(self.ask("echo:put:msu:korte:a=b&c=%20"), "put:msu:korte:a=b&c=%20")
        self.assertEqual(self.ask("wire"), "plain")
        self.assertEqual(self.ask("nonsense"), "unknown_cmd")
        self.assertEqual(self.ask("echo:con_lost"), "con_lost")

    def test_bytes_pass_unchanged(self):
        every_byte = bytes(set(range(256)) - {10})
        with self.lonc.client("msul1") as client:
            client.send(b"echo:" + every_byte + b"\n")
            self.assertEqual(client.line().encode("latin-1"), every_byte)

    def test_encrypted(self):
        self.assertEqual(self.ask("encrypt:wire"), "encrypted")
        self.assertEqual(self.ask("encrypt:nonsense"), "unknown_cmd")
        for size in range(26):
            text = alphabet(size)
            self.assertEqual(self.ask(f"encrypt:echo:{text}"), text)
        self.assertEqual(self.ask("encrypt:big:100000"), alphabet(100000))

    def test_many_lines_in_one_packet(self):
        with self.lonc.client("msul1") as client:
            client.send("".join(f"echo:{number}\n" for number in range(50)))
            self.assertEqual([client.line() for _ in range(50)], [str(number) for number in range(50)])

    def test_one_line_in_many_packets(self):
        with self.lonc.client("msul1") as client:
            for byte in "echo:piecemeal\n":
                client.send(byte)
                time.sleep(0.002)
            self.assertEqual(client.line(), "piecemeal")

    def test_answers_of_a_client_keep_their_order(self):
        with self.lonc.client("msul1") as client:
            client.send("delay:300:first\necho:second\ndelay:50:third\necho:fourth\n")
            self.assertEqual([client.line() for _ in range(4)], ["first", "second", "third", "fourth"])

    def test_slow_request_delays_no_other(self):
        with self.lonc.client("msul1") as slow:
            slow.send("delay:1500:slow\n")
            for number in range(5):
                self.assertEqual(self.assert_quick(0.7, self.ask, f"echo:{number}"), str(number))
            self.assertEqual(slow.line(), "slow")

    def test_half_closed_client_is_answered(self):
        with self.lonc.client("msul1") as client:
            client.send("delay:200:still here\n")
            client.half_close()
            self.assertEqual(client.line(), "still here")
            self.assertIsNone(client.line())

    def test_half_line_is_not_a_request(self):
        before = self.peer.stats("msul1")["requests"]
        with self.lonc.client("msul1") as client:
            client.send("echo:unfinished")
            client.half_close()
            self.assertIsNone(client.line())
        self.assertEqual(self.peer.stats("msul1")["requests"], before)

    def test_client_that_leaves(self):
        """Its request is in flight; other clients are not affected. (A queued request would be dropped.)"""
        before = self.peer.stats("msul1")["requests"]
        for number in range(5):
            with self.lonc.client("msul1") as client:
                client.send("delay:300:nobody hears this\n")
                sent = before + number + 1
                wait_for(lambda count=sent: self.peer.stats("msul1")["requests"] == count, "the request was sent")
        self.assertEqual(self.assert_quick(2, self.ask, "echo:undisturbed"), "undisturbed")
        wait_for(lambda: self.peer.stats("msul1")["requests"] == before + 6, "all requests were sent")
        self.assertEqual(self.ask("echo:afterwards"), "afterwards")

    def test_big_reply(self):
        self.assertEqual(self.ask(f"big:{BIG}"), alphabet(BIG))

    def test_slow_reader(self):
        """It costs the memory of one reply, and does not delay others."""
        with self.lonc.client("msul1") as slow:
            slow.send(f"big:{BIG}\n" * 20)
            wait_for(lambda: self.peer.stats("msul1")["requests"], "the reply is on its way")
            for number in range(20):
                self.assertEqual(self.assert_quick(0.5, self.ask, f"echo:{number}"), str(number))
            self.assertLess(self.resident_megabytes(), 60 * SLOWNESS)
            self.assertEqual(slow.line(), alphabet(BIG))

    def resident_megabytes(self):
        with open(f"/proc/{self.lonc.pid()}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmRSS"))
        return int(line.split()[1]) // 1024

    def test_two_hundred_clients_at_once(self):
        self.assert_all_right(load(self.lonc, ["msul1"], clients=200, requests=10000), 10000)

    def test_two_hundred_clients_encrypted(self):
        tally = load(self.lonc, ["msul1", "msul2"], clients=200, requests=4000, per_connection=10, encrypt=True)
        self.assert_all_right(tally, 4000)

    def test_reply_with_odd_bytes(self):
        """Whatever lond says is passed on: one reply, one line."""
        self.assertEqual(len(self.ask("garbage:3000")), 3000)
        self.assertEqual(self.ask("drip:2:byte by byte"), "byte by byte")


class LongLineTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.peer, self.lonc = self.pair(["msul1"], settings={"max-line-length": "4096"})

    def test_request_too_long(self):
        """It can never succeed, so the answer is error:, and the client's next line is served."""
        with self.lonc.client("msul1") as client:
            client.send("echo:" + "x" * 10000 + "\necho:short\n")
            self.assertRegex(client.line(), "^error:.")
            self.assertEqual(client.line(), "short")
        longest = "x" * (4096 - len("echo:"))
        self.assertEqual(self.lonc.request("msul1", "echo:" + longest), longest)

    def test_reply_too_long(self):
        self.assertIn(self.lonc.request("msul1", "big:10000").split(":")[0], ("con_lost", "error"))
        self.lonc.wait_up("msul1")
        self.assertEqual(self.lonc.request("msul1", "echo:next"), "next")
