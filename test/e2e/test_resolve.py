"""Lines of hosts.tab without an address: names are looked up, and an unknown name delays no other peer."""
import json
import os
import signal
import socket
import subprocess
import unittest

from e2e.ctl import CtlTest
from e2e.harness import E2eTest, wait_for


class ResolveTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.network.pin("local", "127.0.0.1")

    def test_later_lines_are_resolved(self):
        self.standin(["local"])
        node = self.node(["local:msu:library:localhost:http", "data1:msu:library:localhost:https:example.org"])
        node.wait_up("local")
        self.assertEqual(node.request("local", "encrypt:echo:by name"), "by name")
        self.assertTrue(node.socket_path("data1").exists())

    def test_address_of_version_6(self):
        self.network.pin("six", "::1")
        self.standin(["six"])
        node = self.node(["six:msu:library:six.example:[::1]"])
        node.wait_up("six")
        self.assertEqual(node.request("six", "encrypt:echo:six"), "six")
        self.assertEqual(node.peer("six")["address"], f"[::1]:{self.network.port}")

    def test_hosts_without_ip(self):
        self.standin(["local", "msul1"])
        hosts = ["msul1", "local:msu:library:localhost:"]
        node = self.node(["msul1"])
        node.write_hosts(hosts)
        node.hang_up()
        node.wait_logged("HUP: reloaded")
        self.assertFalse(node.socket_path("local").exists())
        node.stop()
        resolving = self.node(hosts, settings={"hosts-without-ip": "resolve"})
        resolving.wait_up("local")

    def test_unknown_name(self):
        self.standin(["msul1"])
        hosts = ["msul1", "nobody:msu:library:no-such-host.invalid:http"]
        node = self.node(hosts, settings={"resolve-timeout": "500ms"})
        node.wait_up("msul1", 2)
        node.wait_lost("nobody")
        self.assert_lost_at_once(node, "nobody")
        self.assertIn("could not be resolved", node.peer("nobody")["last_error"])

    def test_later_syntax_is_skipped(self):
        self.standin(["msul1"])
        node = self.node(["msul1"])
        with node.hosts_tab.open("a") as file:
            file.write("# a comment\n^dns.example.org:https\n\n")
        node.hang_up()
        node.wait_logged("HUP: reloaded")
        self.assertNotIn("hosts.tab", node.log())
        self.assertEqual(node.request("msul1", "echo:x"), "x")


# lonc sees a file of the test as /etc/hosts.
WITH_HOSTS = ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc/hosts && shift && exec "$@"', "sh"]
# And another as /etc/resolv.conf.
WITH_NAME_SERVER = ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf'
                    ' && shift 2 && exec "$@"', "sh"]


def reason_to_skip():
    if os.getuid() != 0:
        return "only root may mount"
    done = subprocess.run([*WITH_HOSTS, "/etc/hosts", "true"], capture_output=True, text=True, check=False)
    return f"nothing can be mounted: {done.stderr.strip()}" if done.returncode else None


@unittest.skipIf(reason_to_skip(), reason_to_skip())
class MovingNameTest(CtlTest):
    """The name of a peer resolves to another address, and the old server still runs."""

    def setUp(self):
        super().setUp()
        self.peers = self.standin(["before", "after"])
        self.hosts = self.directory / "hosts"
        self.lead_to("before")
        self.lonc = self.node(["msul1:msu:library:moving.example.org:http"], prefix=[*WITH_HOSTS, str(self.hosts)])
        wait_for(lambda: self.lonc.request("msul1", "whoami") == "before", "msul1 is up")

    def lead_to(self, *hosts):
        self.hosts.write_text("".join(f"{self.network.address(host)} moving.example.org\n" for host in hosts))

    def wait_moved(self):
        wait_for(lambda: self.lonc.request("msul1", "whoami") == "after", "the new address is used")
        self.assertEqual(json.loads(self.out(self.lonc, "status", "msul1", "--json"))["address"],
                         self.network.place("after"))
        wait_for(lambda: self.peers.stats("before")["connections"] == 0, "the old server is left alone")

    def test_reload(self):
        self.lead_to("after")
        self.lonc.hang_up()
        self.wait_moved()

    def test_reconnect(self):
        self.lead_to("after")
        self.out(self.lonc, "reconnect", "msul1")
        self.wait_moved()

    def test_sweep(self):
        self.lead_to("after")
        self.lonc.signal(signal.SIGUSR1)
        self.wait_moved()

    def test_request_in_flight(self):
        before = self.peers.stats("before")["requests"]
        with self.lonc.client("msul1", 20) as client:
            client.send("delay:1000:finished\n")
            wait_for(lambda: self.peers.stats("before")["requests"] > before, "the request is in flight")
            self.lead_to("after")
            self.out(self.lonc, "reconnect", "msul1")
            self.lonc.wait_logged("The name now has another address")
            self.assertEqual(client.line(), "finished")
        self.wait_moved()

    def test_name_that_no_longer_resolves(self):
        self.lead_to()
        self.out(self.lonc, "reconnect", "msul1")
        self.assertEqual(self.lonc.request("msul1", "whoami"), "before")


@unittest.skipIf(reason_to_skip(), reason_to_skip())
class SilentNameServerTest(E2eTest):
    """A name server that never answers, for all names except one."""

    def test_a_thousand_names_that_hang_beside_one_that_is_known(self):
        peer = self.standin(["msul1"])
        silent = socket.socket(type=socket.SOCK_DGRAM)  # bound and never read
        self.addCleanup(silent.close)
        silent.bind((self.network.address("names"), 53))
        hosts, resolv = self.directory / "hosts", self.directory / "resolv.conf"
        hosts.write_text(f"{self.network.address('msul1')} known.example.org\n")
        resolv.write_text(f"nameserver {self.network.address('names')}\n")
        hanging = [f"hang{number}:msu:library:hang{number}.example.org:http" for number in range(999)]
        node = self.node([*hanging, "msul1:msu:library:known.example.org:http"], start=False,
                         settings={"backoff-first": "1s"}, prefix=[*WITH_NAME_SERVER, str(hosts), str(resolv)])
        node.launch()
        wait_for(lambda: node.socket_path("msul1").exists(), "the socket is there", 20)
        self.assertEqual(self.assert_quick(2, node.request, "msul1", "echo:start"), "start")
        node.wait_ready()
        node.wait_lost("hang0", 20)
        for _ in range(3):
            node.signal(signal.SIGUSR1)
            peer.drop("msul1")
            node.wait_up("msul1", 2)
