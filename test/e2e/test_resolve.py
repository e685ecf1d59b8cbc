"""Lines of hosts.tab without an address: names are looked up, and a name that is none holds nobody up."""
from e2e.harness import E2eTest


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

    def test_name_that_is_none(self):
        self.standin(["msul1"])
        hosts = ["msul1", "nobody:msu:library:no-such-host.invalid:http"]
        node = self.node(hosts, settings={"resolve-timeout": "500ms"})
        node.wait_up("msul1", 2)
        node.wait_lost("nobody")
        self.assert_lost_at_once(node, "nobody")
        self.assertIn("could not be resolved", node.peer("nobody")["last_error"])

    def test_later_syntax_is_passed_over(self):
        self.standin(["msul1"])
        node = self.node(["msul1"])
        with node.hosts_tab.open("a") as file:
            file.write("# a comment\n^dns.example.org:https\n\n")
        node.hang_up()
        node.wait_logged("HUP: reloaded")
        self.assertNotIn("hosts.tab", node.log())
        self.assertEqual(node.request("msul1", "echo:x"), "x")
