"""TERM, HUP, USR1 and QUIT as administrators and failing workers send them."""
import signal
import time

from e2e.harness import SLOWNESS, E2eTest, wait_for
from e2e.peers import Load


class StrayTest(E2eTest):
    def test_stray_signals_end_nothing(self):
        _, node = self.pair(["msul1"])
        strays = (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO, signal.SIGPWR, signal.SIGXFSZ,
                  signal.SIGXCPU, signal.SIGPIPE, signal.SIGRTMIN + 1)
        for stray in strays:
            node.process.send_signal(stray)
        self.assertEqual(node.request("msul1", "echo:alive"), "alive")
        self.assertIsNone(node.process.poll())

    def test_usr2_reloads(self):
        _, node = self.pair(["msul1"])
        node.process.send_signal(signal.SIGUSR2)
        node.wait_logged("HUP: reloaded")
        self.assertEqual(node.request("msul1", "echo:alive"), "alive")


class StopTest(E2eTest):
    def in_flight(self, node, peer, line):
        client = node.request_in_flight(peer, "msul1", line)
        self.addCleanup(client.close)
        return client

    def test_term_drains(self):
        """Pid file and sockets are removed first, then requests in flight are finished, then `exit` is sent to lond."""
        peer, node = self.pair(["msul1"])
        client = self.in_flight(node, peer, "delay:1000:finished")
        node.process.terminate()
        wait_for(lambda: not node.pid_file.exists(), "the pid file is gone", 0.5)
        wait_for(lambda: not node.socket_path("msul1").exists(), "the socket is gone", 0.5)
        self.assertIsNone(node.process.poll())
        self.assertEqual(client.line(), "finished")
        node.assert_ended_well(node.process.wait(5 * SLOWNESS))
        self.assertGreaterEqual(peer.stats("msul1")["requests"], 2)

    def test_term_with_a_dead_peer_is_quick(self):
        self.standin(["msul1"], black_holes=["hole"])
        node = self.node(["msul1", "hole", "closed"])
        node.wait_up("msul1")
        node.process.terminate()
        node.assert_ended_well(self.assert_quick(2, node.process.wait, 10))

    def test_term_answers_unsent_requests(self):
        """One connection with a slow request on it: queued requests get con_lost at once."""
        peer, node = self.pair(["msul1"], settings={"max-connections": "1"})
        slow = self.in_flight(node, peer, "delay:4000:finished")
        queued = [node.client("msul1") for _ in range(3)]
        for client in queued:
            client.send("echo:queued\n")
        wait_for(lambda: node.peer("msul1")["queued"] == 3, "they wait", 3.5)
        node.process.terminate()
        for client in queued:
            self.assertEqual(self.assert_quick(1, client.line), "con_lost")
            client.close()
        self.assertEqual(slow.line(), "finished")

    def test_second_term_stops_at_once(self):
        peer, node = self.pair(["msul1"])
        client = self.in_flight(node, peer, "stall")
        node.process.terminate()
        wait_for(lambda: not node.pid_file.exists(), "the first signal was taken")
        node.process.terminate()
        node.assert_ended_well(self.assert_quick(2, node.process.wait, 10))
        self.assertEqual(client.line(), "con_lost")

    def test_drain_has_an_end(self):
        peer, node = self.pair(["msul1"], settings={"drain-timeout": "1s"})
        client = self.in_flight(node, peer, "stall")
        node.process.terminate()
        self.assertEqual(client.line(), "con_lost")
        node.assert_ended_well(self.assert_quick(5, node.process.wait, 10))

    def test_quit(self):
        peer, node = self.pair(["msul1"])
        client = self.in_flight(node, peer, "stall")
        node.process.send_signal(signal.SIGQUIT)
        self.assert_quick(2, node.process.wait, 10)
        self.assertEqual(client.line(), "con_lost")
        node.assert_nothing_left()
        node.wait_logged("QUIT")

    def test_interrupt(self):
        _, node = self.pair(["msul1"])
        node.process.send_signal(signal.SIGINT)
        node.assert_ended_well(node.process.wait(5 * SLOWNESS))


class ReloadTest(E2eTest):
    def test_add_remove_and_change_under_load(self):
        self.reload_under_load({})

    def test_the_same_on_three_threads(self):
        self.reload_under_load({"threads": "3"})

    def reload_under_load(self, settings):
        peer = self.standin(["stays1", "stays2", "goes", "comes", "moves", "elsewhere"])
        node = self.node(["stays1", "stays2", "goes", "moves"], settings=settings)
        node.wait_up("goes")
        with Load(node, ["stays1", "stays2"], clients=8, seconds=4) as running:
            moved = f"moves:msu:library:moves.example.org:{self.network.address('elsewhere')}"
            for _ in range(3):
                node.write_hosts(["stays1", "stays2", "comes", moved])
                node.hang_up()
                node.wait_up("comes")
                wait_for(lambda: node.request("moves", "whoami") == "elsewhere", "the new address is used")
                wait_for(lambda: not node.socket_path("goes").exists(), "the removed peer's socket is gone")
                node.write_hosts(["stays1", "stays2", "goes", "moves"])
                node.hang_up()
                node.wait_up("goes")
                wait_for(lambda: node.request("moves", "whoami") == "moves", "the old address is used again")
                wait_for(lambda: not node.socket_path("comes").exists(), "the removed peer's socket is gone")
            tally = running.finish()
        self.assert_all_right(tally, 1000)
        self.assertEqual(peer.stats("stays1")["pongs"], 1)

    def test_many_reloads(self):
        peer, node = self.pair(["msul1", "msul2"])
        accepted = peer.stats("msul2")["accepted"]
        with Load(node, ["msul1", "msul2"], clients=4, seconds=3) as running:
            for _ in range(200):
                node.hang_up()
                time.sleep(0.01)
            self.assert_all_right(running.finish(), 500)
        self.assertEqual(node.request("msul2", "echo:x"), "x")
        self.assertLessEqual(peer.stats("msul2")["accepted"], accepted + 4)

    def test_bad_file_changes_nothing(self):
        _, node = self.pair(["msul1"])
        node.hosts_tab.rename(node.hosts_tab.with_suffix(".away"))
        node.hang_up()
        node.wait_logged("nothing was changed")
        node.wait_logged("hosts.tab")
        self.assertEqual(node.request("msul1", "echo:still here"), "still here")

    def test_a_part_of_hosts_tab_changes_nothing(self):
        """As while another program writes it: the own id is missing, or most of the peers are."""
        hosts = [f"msul{number}" for number in range(1, 6)]
        self.standin(["msul1", "msul5"])
        node = self.node(hosts)
        node.wait_up("msul5")
        whole = node.hosts_tab.read_text().splitlines(keepends=True)
        for part, missing in ((whole[:-1], "this server's own id"), ([whole[0], whole[-1]], "4 of 6 hosts")):
            node.hosts_tab.write_text("".join(part))
            node.hang_up()
            node.wait_logged(f"it lacks {missing}")
            self.assertEqual(node.request("msul5", "whoami"), "msul5")
        told = [line for line in node.log().splitlines() if "it lacks" in line]
        self.assertIn("CRITICAL: HUP: nothing was changed", told[0])
        self.assertIn("(msul2, msul3, msul4, msul5)", told[1])
        self.assertIn("loncctl reload --force", told[1])
        self.assertNotIn("HUP: reloaded", node.log())

    def test_a_file_that_is_being_written(self):
        """It is used once it no longer changes: an address that lacks its last digit is never used."""
        peer = self.standin(["msul1", "msul2"])
        node = self.node(["msul1"])
        node.wait_up("msul1")
        address = self.network.address("msul2")
        with node.hosts_tab.open("a") as file:
            file.write(f"msul2:msu:library:msul2.example.org:{address[:-1]}")
            file.flush()
            node.signal(signal.SIGHUP)
            time.sleep(0.2)  # as long as a copy over the network takes
            file.write(f"{address[-1]}\n")
        node.wait_up("msul2")
        self.assertEqual(node.request("msul2", "whoami"), "msul2")
        self.assertEqual(node.log().count("HUP: reloaded"), 1)
        self.assertGreater(peer.stats("msul2")["accepted"], 0)

    def test_settings_of_one_peer(self):
        _, node = self.pair(["msul1", "msul2"])
        node.config.write_text(node.config.read_text() + "[peer msul1]\nrequest-timeout = 200ms\n"
                               "[peer gone1]\nmax-connections = 2\n")
        node.hang_up()
        node.wait_logged("HUP: reloaded: 3 peers, 0 added, 0 removed, 0 moved, 1 adjusted")
        node.wait_logged('there are settings for the peer "gone1", which is not in hosts.tab')
        self.assertEqual(node.request("msul1", "delay:1500:late"), "con_lost")
        self.assertEqual(node.request("msul2", "delay:500:late"), "late")

    def test_a_peer_that_moves_keeps_its_clients(self):
        """Idle, waiting with a request, with several lines: none is closed, and all are answered by the new address."""
        old, node = self.pair(["msul1"], settings={"max-connections": "1"})
        with node.client("msul1") as silent, node.client("msul1") as kept, node.client("msul1") as waiting:
            self.assertEqual(kept.ask("echo:first"), "first")
            with node.request_in_flight(old, "msul1", "delay:1500:finished") as in_flight:
                waiting.send("echo:one\necho:two\necho:three\n")
                wait_for(lambda: node.peer("msul1")["queued"] == 1, "it waits")
                self.network.pin("msul1", self.network.address("elsewhere"))
                new = self.standin(["msul1"])
                node.write_hosts(["msul1"])
                node.hang_up()
                self.assertEqual([waiting.line() for _ in range(3)], ["one", "two", "three"])
                self.assertEqual(in_flight.line(), "finished")
                self.assertEqual(in_flight.ask("echo:again"), "again")
            self.assertEqual(silent.ask("echo:silent"), "silent")
            self.assertEqual(kept.ask("echo:kept"), "kept")
        node.wait_logged("HUP: reloaded: 2 peers, 0 added, 0 removed, 1 moved, 0 adjusted")
        wait_for(lambda: old.stats("msul1")["connections"] == 0, "nothing leads to the old place")
        self.assertGreaterEqual(new.stats("msul1")["requests"], 6)
        self.assertEqual(node.peer("msul1")["counters"]["con_lost"], 0)

    def test_request_in_flight_of_a_removed_peer(self):
        peer = self.standin(["msul1", "msul2"])
        node = self.node(["msul1", "msul2"])
        node.wait_up("msul2")
        with node.request_in_flight(peer, "msul2", "delay:800:finished") as client:
            node.write_hosts(["msul1"])
            node.hang_up()
            self.assertEqual(client.line(), "finished")
        wait_for(lambda: not node.socket_path("msul2").exists(), "the socket is gone")


class SweepTest(E2eTest):
    def test_failures_are_forgotten(self):
        """The backoff would wait for minutes; USR1 tries at once."""
        node = self.node(["msul1"], settings={"backoff-first": "1h", "backoff-longest": "1h"})
        node.wait_lost("msul1")
        peer = self.standin(["msul1"])
        node.signal(signal.SIGUSR1)
        wait_for(lambda: peer.stats("msul1")["connections"], "the peer was reached", 5)
        node.wait_logged("USR1: Trying to establish connections again")

    def test_signal_within_two_seconds_of_a_sweep(self):
        """It is part of that sweep, and after the two seconds the status shows the result."""
        self.standin(["msul1"])
        node = self.node(["msul1"])
        node.wait_logged("msul1 online")
        before = wait_for(node.written, "the status of the start")
        node.signal(signal.SIGUSR1)
        first = wait_for(lambda: node.written() > before and node.written(), "the sweep's status")
        node.signal(signal.SIGUSR1)
        wait_for(lambda: node.written() > first, "a fresh status", 4)
        self.assertEqual(node.log().count("USR1: Trying"), 1)

    def test_a_storm_is_one_line(self):
        """Each sweep writes a status, but no line in the log."""
        self.standin(["msul1"])
        node = self.node(["msul1"])
        statuses = set()

        def is_third_sweep():
            node.signal(signal.SIGUSR1)
            statuses.add(node.written())
            return len(statuses) > 4

        wait_for(is_third_sweep, "several sweeps", 30)
        node.wait_logged("USR1: Trying")
        self.assertEqual(node.log().count("USR1: Trying"), 1)

    def test_burst_with_a_thousand_dead_peers(self):
        """1,000 USR1 in a second: one sweep, one status, and a live peer does not notice."""
        holes = [f"hole{number}" for number in range(500)]
        closed = [f"closed{number}" for number in range(500)]
        self.standin(["msul1"], black_holes=holes)
        node = self.node([*holes, *closed, "msul1"], settings={"connect-timeout": "3s"})
        node.wait_up("msul1")
        before = node.log().count("USR1: Trying")
        with Load(node, ["msul1"], clients=4, seconds=4, rate=500) as running:
            statuses = set()
            for _ in range(1000):
                node.signal(signal.SIGUSR1)
                statuses.add(node.status_file.stat().st_mtime_ns)
                time.sleep(0.001)
            tally = running.finish()
        self.assert_all_right(tally, 1500)
        self.assert_not_held_up(tally)
        self.assertLessEqual(node.log().count("USR1: Trying") - before, 2)
        self.assertLessEqual(len(statuses), 3)

    def test_hup_and_usr1_during_start(self):
        """They are remembered: the daemon starts, then handles them."""
        hosts = [f"msul{number}" for number in range(1000)]
        self.standin(["msul1"])
        node = self.node(hosts, start=False)
        node.launch()
        wait_for(node.pid_file.exists, "the pid file", 20)
        node.signal(signal.SIGHUP)
        node.signal(signal.SIGUSR1)
        node.wait_ready()
        node.wait_logged("HUP: reloaded")
        node.wait_logged("USR1: Trying")
        node.wait_up("msul1")
