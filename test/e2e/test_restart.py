"""Restarts under load, each while the previous lonc still drains."""
from e2e.harness import SLOWNESS, E2eTest, wait_for
from e2e.peers import Load

RESTARTS = 200
HOSTS = [f"msul{number}" for number in range(10)]


class RestartTest(E2eTest):
    def restart(self, node):
        """Starts the successor as soon as the pid file is gone, as scripts do."""
        old = node.process
        old.terminate()
        wait_for(lambda: not node.pid_file.exists(), "the pid file is gone", 5)
        node.launch()
        node.wait_ready()
        return old

    def test_restarts_with_overlapping_drains(self):
        """No restart leaves a missing or a stale socket, and requests in flight are still answered."""
        self.standin(HOSTS)
        node = self.node(HOSTS)
        draining = []
        overlaps = 0
        with Load(node, HOSTS, clients=10, seconds=600) as running:
            for number in range(RESTARTS):
                node.wait_up(HOSTS[0])
                client = node.client(HOSTS[0])
                client.send(f"delay:400:{number}\n")
                self.assertEqual(node.request(HOSTS[0], "ping"), HOSTS[0])
                old = self.restart(node)
                overlaps += old.poll() is None
                draining.append((old, client, number))
                self.assertEqual(sorted(path.name for path in node.sockets.iterdir() if path.is_socket()),
                                 sorted(node.hosts))
            tally = running.stop()
        self.assertEqual((tally["wrong"], tally["error"]), (0, 0), tally)
        self.assertGreater(tally["ok"], RESTARTS, tally)
        for old, client, number in draining:
            self.assertEqual(client.line(), str(number))
            client.close()
            self.assertEqual(old.wait(10 * SLOWNESS), 0)
        self.assertGreater(overlaps, RESTARTS // 2)
        for host in HOSTS:
            self.assertEqual(node.request(host, f"echo:{host}"), host)

    def test_start_after_a_killed_daemon(self):
        """kill -9: stale sockets and a stale pid file, and the next start works."""
        self.standin(HOSTS)
        node = self.node(HOSTS)
        for _ in range(5):
            node.process.kill()
            node.process.wait()
            self.assertTrue(node.pid_file.exists() and node.socket_path(HOSTS[0]).exists())
            node.start()
            for host in HOSTS:
                self.assertEqual(node.request(host, f"echo:{host}"), host)
