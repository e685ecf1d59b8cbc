"""Behaviour at the limits of connections, queue, clients, descriptors and waiting times: no error:, no hang."""
import contextlib
import os
import pathlib
import re
import time

from e2e.harness import UNDER_LOAD, E2eTest, wait_for
from e2e.peers import load


class LimitTest(E2eTest):
    def busy(self, node, peer, number, line):
        """As many clients, each with its own request."""
        clients = [node.client("msul1", 20) for _ in range(number)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(line + "\n")
        return clients

    def test_connections_come_and_go(self):
        """One is kept; as many as needed are opened up to the limit; the surplus is closed when idle."""
        peer, node = self.pair(["msul1"], settings={"max-connections": "4", "idle-timeout": "1s"})
        self.assertEqual(peer.stats("msul1")["connections"], 1)
        clients = self.busy(node, peer, 8, "delay:700:done")
        wait_for(lambda: peer.stats("msul1")["connections"] == 4, "all connections are open")
        self.assertEqual([client.line() for client in clients], ["done"] * 8)
        self.assertEqual(peer.stats("msul1")["connections"], 4)
        wait_for(lambda: peer.stats("msul1")["connections"] == 1, "the surplus is closed", 5)
        self.assertEqual(node.request("msul1", "echo:x"), "x")

    def test_full_queue(self):
        peer, node = self.pair(["msul1"], settings={"max-connections": "1", "max-queue": "2"})
        slow = node.request_in_flight(peer, "msul1", "delay:4000:slow")
        queued = self.busy(node, peer, 2, "echo:queued")
        wait_for(lambda: node.peer("msul1")["queued"] == 2, "the queue is full", 3.5)
        self.assert_lost_at_once(node, "msul1")
        self.assertEqual([client.line() for client in (slow, *queued)], ["slow", "queued", "queued"])
        slow.close()

    def test_too_many_clients(self):
        _, node = self.pair(["msul1"], settings={"max-clients": "10"})
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(node.client("msul1")) for _ in range(5)]
            self.assertEqual([client.ask("echo:in") for client in clients], ["in"] * 5)
            for _ in range(20):
                self.assert_lost_at_once(node, "msul1")
            self.assertEqual([client.ask("echo:still in") for client in clients], ["still in"] * 5)
        node.wait_up("msul1")
        node.wait_logged("WARNING: Half of all 10 places for clients are taken by clients of this peer")

    def test_idle_clients_give_way(self):
        """When slots run short, the clients idle longest are closed; those in the middle of a request stay."""
        _, node = self.pair(["msul1"], settings={"max-clients": "16"})
        with contextlib.ExitStack() as stack:
            client = lambda: stack.enter_context(node.client("msul1", 60))
            waiting, talking, idle = client(), client(), [client() for _ in range(6)]
            waiting.send("delay:16000:at last\n")
            talking.send("echo:half ")
            self.assertEqual([each.ask("echo:in") for each in idle], ["in"] * 6)
            self.assert_lost_at_once(node, "msul1")
            wait_for(lambda: node.request("msul1", "echo:new") == "new", "a place is free", 30)
            self.assertIsNone(idle[0].line())
            self.assertEqual(idle[-1].ask("echo:still in"), "still in")
            talking.send("a line\n")
            self.assertEqual(talking.line(), "half a line")
            self.assertEqual(waiting.line(), "at last")
        self.assertGreaterEqual(node.peer("msul1")["idle_clients_closed"], 1)
        node.wait_logged("WARNING: Places for clients are running short: idle ones are closed")

    def test_clients_of_a_silent_peer(self):
        """They take no slots from those of another peer, and release theirs when they leave."""
        peer, node = self.pair(["hung", "msul1"], settings={"max-clients": "200"})
        asked = [node.client("hung") for _ in range(150)]
        for client in asked:
            client.send("delay:60000:never\n")
        self.assertEqual(node.request("msul1", "echo:x"), "x")
        for client in asked:
            client.close()
        self.assertEqual(node.request("msul1", "echo:x"), "x")
        wait_for(lambda: node.peer("hung")["clients"] == 0, "their places are free", 3)
        self.assertEqual(node.peer("hung")["queued"], 0)

    def test_thousands_that_leave_at_once(self):
        _, node = self.pair(["hung", "msul1"])
        for _ in range(4200):
            with node.client("hung") as client:
                client.send("delay:60000:never\n")
        self.assertEqual(self.assert_quick(0.5, node.request, "msul1", "echo:x"), "x")
        wait_for(lambda: node.peer("hung")["clients"] == 0, "their places are free", 3)
        self.assertEqual(node.peer("hung")["queued"], 0)

    def test_unfinished_lines_take_no_more_memory_than_allowed(self):
        """Those of one peer leave half of it to the others; a client over the limit gets con_lost, then is served."""
        _, node = self.pair(["msul1", "msul2"], settings={"max-client-memory": "64M"})
        clients = [node.client("msul2", 30) for _ in range(40)]
        for client in clients:
            self.addCleanup(client.close)
            client.send("put:" + 8_000_000 * "x")
        kilobytes = int(re.search(r"VmRSS:\s+(\d+)", (pathlib.Path(f"/proc/{node.pid()}/status").read_text())).group(1))
        self.assertLess(kilobytes, 200_000 * UNDER_LOAD)
        self.assertEqual(node.request("msul1", "echo:" + 5_000_000 * "y", 30), 5_000_000 * "y")
        self.assertEqual(node.request("msul2", "echo:small"), "small")
        node.wait_logged("(max-client-memory) is used up")
        last = clients[-1]
        self.assertEqual(last.line(), "con_lost")
        last.send("\n")
        self.assertEqual(last.ask("echo:after"), "after")

    def test_soft_limit_of_descriptors_is_raised(self):
        self.standin(["msul1"])
        node = self.node(["msul1"], prefix=["prlimit", "--nofile=64:5000"])
        node.wait_up("msul1")
        self.assert_all_right(load(node, ["msul1"], clients=300, requests=3000), 3000)

    def test_hard_limit_of_descriptors(self):
        """Reported and handled: served clients stay served, others get con_lost, and the daemon continues."""
        self.standin(["msul1"])
        node = self.node(["msul1"], prefix=["prlimit", "--nofile=100:100"])
        node.wait_up("msul1")
        wait_for(lambda: re.search("WARNING: .*100", node.log()), "a warning")
        with contextlib.ExitStack() as stack:
            served = [stack.enter_context(node.client("msul1")) for _ in range(6)]
            self.assertEqual([client.ask("echo:before") for client in served], ["before"] * 6)
            tally = load(node, ["msul1"], clients=300, requests=3000, per_connection=5)
            self.assertEqual((tally["wrong"], tally["error"]), (0, 0), tally)
            self.assertGreater(tally["con_lost"], 0, tally)
            self.assertEqual([client.ask("echo:after") for client in served], ["after"] * 6)
        node.wait_up("msul1")
        self.assertEqual(node.request("msul1", "echo:afterwards"), "afterwards")

    def test_no_descriptor_leaks(self):
        peer, node = self.pair(["msul1"], settings={"idle-timeout": "1s"})
        count = lambda: len(os.listdir(f"/proc/{node.pid()}/fd"))
        before = count()
        self.assert_all_right(load(node, ["msul1"], clients=100, requests=3000), 3000)
        for _ in range(5):
            peer.drop("msul1")
            node.wait_up("msul1")
        wait_for(lambda: count() <= before + 1, "all descriptors are closed")


class FirstAttemptTest(E2eTest):
    def test_request_waits_for_the_first_attempt(self):
        """It waits until the attempt succeeds, and no longer than connect-wait; a ping never waits."""
        peer = self.standin(["msul1"], faults={"msul1": "drip"})
        node = self.node(["msul1"])
        self.assertEqual(node.request("msul1", "echo:patience"), "patience")
        node.stop()
        peer.fault("msul1", "silent-init")
        node = self.node(["msul1"], settings={"connect-wait": "1500ms"})
        self.assert_lost_at_once(node, "msul1", "ping")
        start = time.monotonic()
        self.assertEqual(self.assert_quick(2.5, node.request, "msul1", "echo:x"), "con_lost")
        self.assertGreater(time.monotonic() - start, 0.5)
