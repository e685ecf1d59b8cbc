"""Log and status in the formats that loncron and administrators read (docs/protocol.md)."""
import re
import stat

from e2e.harness import E2eTest, wait_for

TIME = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123]\d \d\d:\d\d:\d\d \d{4}"
LOG_LINE = re.compile(rf"^{TIME} \((?P<pid>\d+)\) \[(?P<server>[^\]]+)\] \[{TIME}: (?P<status>[^\]]*)\]: (?P<text>.*)$")
STATUS_LINE = re.compile(rf"^(?P<pid>\d+)\t(?P<server>[^\t]+)\t({TIME}: [^\t]*)?\t({TIME}: [^\t]*)?$")
SECRET = "korte:s3cret"


class LogTest(E2eTest):
    def test_format(self):
        peer, node = self.pair(["msul1"])
        peer.down("msul1")
        node.wait_lost("msul1")
        lines = [LOG_LINE.match(line) for line in wait_for(lambda: "WARNING" in node.log() and node.log(), "a warning")
                 .splitlines()]
        self.assertTrue(all(lines), node.log())
        self.assertEqual({match["pid"] for match in lines}, {str(node.pid())})
        self.assertEqual({match["server"] for match in lines} - {"data1"}, {"PARENT", "msul1"})
        self.assertNotIn("<font", node.log())

    def test_reopened_when_renamed(self):
        """loncron rotates by renaming."""
        _, node = self.pair(["msul1"])
        old = node.log_file.with_suffix(".log.1")
        node.log_file.rename(old)
        before = old.read_text()
        node.status()
        node.wait_logged("USR1")
        self.assertEqual(old.read_text(), before)

    def test_one_warning_per_outage(self):
        """loncron mails at 200 notices: failed requests are counted, not logged."""
        peer, node = self.pair(["msul1"])
        for _ in range(3):
            peer.down("msul1")
            node.wait_lost("msul1")
            for _ in range(100):
                self.assertEqual(node.request("msul1", "echo:x"), "con_lost")
            peer.up("msul1")
            node.wait_up("msul1")
        node.stop()
        about_peer = node.log_about("msul1")
        self.assertEqual(sum("WARNING" in line for line in about_peer), 1, about_peer)
        self.assertEqual(sum("online again" in line for line in about_peer), 1, about_peer)
        self.assertNotIn("CRITICAL", node.log())
        self.assertLess(len(about_peer), 15, about_peer)

    def test_no_request_argument_anywhere(self):
        """At the most verbose level, and even if a request fails: only the command word is shown."""
        peer = self.standin(["msul1"])
        node = self.node(["msul1"], settings={"log-level": "debug", "request-timeout": "1s", "max-connections": "1"})
        node.wait_up("msul1")
        for line in (f"echo:{SECRET}", f"encrypt:echo:{SECRET}", f"late:1500:{SECRET}", f"cutafter:4:{SECRET}",
                     f"twice:{SECRET}", f"auth:msu:{SECRET}", "x" * 30 + SECRET, f"unasked:10:{SECRET}"):
            node.wait_up("msul1")
            accepted = peer.stats("msul1")["accepted"]
            node.request("msul1", line)
        wait_for(lambda: peer.stats("msul1")["accepted"] > accepted, "the unasked line has closed the connection")
        node.wait_up("msul1")
        with node.request_in_flight(peer, "msul1", f"delay:5000:{SECRET}") as client:
            peer.down("msul1")
            self.assertEqual(client.line(), "con_lost")
        node.status()
        node.stop()
        for name, text in (("log", node.log()), ("stderr", node.errors()), ("status", node.status_text.read_text()),
                           ("status", node.status_file.read_text())):
            self.assertNotIn("s3cret", text, name)

    def test_outside_text_is_escaped(self):
        """loncron puts the log into a page, and the status file is separated by TABs."""
        self.standin(["msul1"], faults={"msul1": "garbage"})
        node = self.node(["msul1"], start=False, settings={"log-level": "debug"})
        with node.hosts_tab.open("a") as file:
            file.write("<b>:msu:library:<script>alert</script>:not an address\n")
            file.write("bad\tline:x:y:z:<i>\n<i>:x:y:z:127.0.0.9\n")
        node.start()
        node.wait_lost("msul1")
        node.status()
        for line in (node.log() + node.status_text.read_text()).splitlines():
            self.assertNotRegex(line, "<|>")
            self.assertLessEqual(line.count("\t"), 3)
            self.assertTrue(line.replace("\t", " ").isprintable(), line)


class StatusTest(E2eTest):
    def test_text(self):
        _, node = self.pair(["msul2", "msul1"])
        node.status()
        head, empty, *lines = node.status_text.read_text().splitlines()
        self.assertRegex(head, rf"^LONC status {TIME} - parent {node.pid()}$")
        self.assertEqual(empty, "")
        matches = [STATUS_LINE.match(line) for line in lines]
        self.assertTrue(all(matches), lines)
        self.assertEqual([match["server"] for match in matches], ["PARENT", "data1", "msul1", "msul2"])
        self.assertEqual({match["pid"] for match in matches}, {str(node.pid())})

    def test_json(self):
        peer, node = self.pair(["msul1"])
        peer.down("msul1")
        node.wait_lost("msul1")
        status = node.status()
        self.assertEqual(status["daemon"]["pid"], node.pid())
        self.assertEqual(status["daemon"]["host_id"], "data1")
        entry = next(entry for entry in status["peers"] if entry["id"] == "msul1")
        self.assertEqual(entry["address"], self.network.place("msul1"))
        self.assertIn(entry["state"], ("away", "starting"))
        self.assertIn("refused", entry["last_error"])
        self.assertGreater(entry["counters"]["requests"], 0)
        self.assertGreater(entry["counters"]["con_lost"], 0)

    def test_written_at_start_and_whole(self):
        _, node = self.pair(["msul1"])
        wait_for(node.status_file.exists, "the status of the start")
        node.status()
        self.assertEqual(sorted(path.name for path in node.status_file.parent.iterdir()),
                         ["loncstatus.json", "loncstatus.txt"])

    def test_unwritable_place_does_not_stop_the_relay(self):
        _, node = self.pair(["msul1"])
        place = node.status_file.parent
        place.rename(place.with_name("moved"))
        place.write_text("in the way")
        node.hang_up()
        node.wait_logged("status could not be written")
        self.assertEqual(node.request("msul1", "echo:x"), "x")

    def test_socket_mode(self):
        _, node = self.pair(["msul1"])
        self.assertEqual(stat.S_IMODE(node.socket_path("msul1").stat().st_mode), 0o600)
        other = self.node(["msul1"], own_id="data2", settings={"socket-mode": "0660"})
        self.assertEqual(stat.S_IMODE(other.socket_path("msul1").stat().st_mode), 0o660)
