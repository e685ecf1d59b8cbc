"""Pages that Apache workers make from answers of peers, through lonc: also while peers leave and logs are rotated."""
import json

from e2e.harness import wait_for
from e2e.test_log_status import LOG_LINE
from boot.booted_node import HOSTS, NodeTest
from boot.web import Crowd

AWAY = r"^lonc msul[13]: "
RECONLONC_PAUSE = 1.0  # the pause of lonnet.pm before it sends a request again


class PageTest(NodeTest):
    def page(self, *arguments, **options):
        return self.node.browser.page(*arguments, **options)

    def lose(self, host):
        self.expect_warning(rf"^lonc {host}: ")
        self.node.stop_lond(host)

    def arrived(self, host, text):
        """How (plain, encrypted) and how often a request arrived at the peer."""
        return [how for how, request in self.node.londs[host].arrived() if request == f"echo:{text}"]


class RelayTest(PageTest):
    def test_plain(self):
        page = self.page("msul1", "echo:from the peer <&>")
        self.assertEqual((page["answer"], page["host"], page["user"]), ("from the peer <&>", "msul1", "www"))
        self.assertEqual(self.arrived("msul1", "from the peer <&>"), ["plain"])
        self.assertEqual(self.page("msul3", "whoami")["answer"], "msul3")

    def test_encrypted(self):
        self.assertEqual(self.page("msul3", "encrypt:echo:korte:s3cret")["answer"], "korte:s3cret")
        self.assertEqual(self.arrived("msul3", "korte:s3cret"), ["encrypted"])
        for name in ("loncstatus.json", "loncstatus.txt"):
            self.assertNotIn("s3cret", self.node.status_file.with_name(name).read_text())
        self.assertNotIn("s3cret", self.node.log_file.read_text())

    def test_critical_while_the_peer_is_there(self):
        self.assertEqual(self.page("msul1", "echo:at once", way="critical")["answer"], "at once")
        self.assertEqual(self.arrived("msul1", "at once"), ["plain"])
        self.assertEqual(self.node.spool.waiting(), [])

    def test_unknown_peer(self):
        page = self.page("msul9", "echo:x")
        self.assertEqual(page["answer"], "no_such_host")
        self.assertIn("cannot be reached", page["notice"])


class AwayTest(PageTest):
    def test_page_says_so_at_once(self):
        """Even the very first one after the loss of the peer. lonnet.pm's usual way contains a pause of its own."""
        self.lose("msul3")
        page = self.page("msul3", "echo:x", way="subreply")
        self.assertEqual((page["answer"], page["notice"]), ("con_lost", "msul3 cannot be reached"))
        self.assert_less_time(page.seconds, 0.5)

        for _ in range(3):
            page = self.page("msul3", "echo:x")
            self.assertEqual(page["notice"], "msul3 cannot be reached")
            self.assert_less_time(page.seconds, RECONLONC_PAUSE + 0.5)
        self.assertEqual(self.page("msul1", "echo:undisturbed")["answer"], "undisturbed")

    def test_page_works_again_with_the_peer(self):
        """Through reconlonc's USR1, at the first request for a page."""
        self.lose("msul3")
        self.node.wait_lost("msul3")
        self.node.start_lond("msul3")
        self.assertEqual(self.page("msul3", "echo:back")["answer"], "back")

    def test_critical_message_waits_and_arrives_once(self):
        self.lose("msul3")
        page = self.page("msul3", "encrypt:echo:grade for s3cret", way="critical")
        self.assertEqual(page["answer"], "con_delayed")
        waiting = self.node.spool.waiting()
        self.assertEqual(len(waiting), 1)
        self.assertRegex(waiting[0], rf"^\d+\.1\.{page['worker']}\.encryptechogra\.msul3$")
        self.assertIn("encrypt:echo:grade for s3cret", self.node.spool.permanent("D", "msul3"))
        self.assertEqual(self.arrived_late(), [])

        self.node.start_lond("msul3")
        wait_for(self.arrived_late, "the message has arrived", 70)  # the longest pause between two attempts is a minute
        wait_for(lambda: not self.node.spool.waiting(), "its file is gone")
        self.assertEqual(len(self.node.spool.permanent("S", "msul3")), 1)
        # Events that might send it again: a new connection, a restart.
        self.node.restart_lond("msul3")
        self.node.wait_up("msul3")
        self.container.systemctl("restart", "lonc")
        self.node.wait_serving()
        self.assertEqual(self.arrived_late(), ["encrypted"])
        self.assertEqual(self.node.spool.quarantined(), {})

    def arrived_late(self):
        return self.arrived("msul3", "grade for s3cret") if "msul3" in self.node.londs else []


class CrowdTest(PageTest):
    def test_fifty_workers_while_a_peer_restarts(self):
        """Each answer belongs to its request, plain or encrypted; at worst a page says con_lost."""
        self.expect_warning(AWAY)
        with Crowd(self.node.browser, 50, ["msul1", "msul3"]) as crowd:
            for round_number in range(3):
                before = crowd.counts()["ok"]
                wait_for(lambda: crowd.counts()["ok"] > before + 200, "pages come", 60)
                self.node.restart_lond("msul3")
            before = crowd.counts()["ok"]
            wait_for(lambda: crowd.counts()["ok"] > before + 200, "pages come", 60)
            counts = crowd.stop()
        print(f"{counts}, {len(crowd.workers)} workers, slowest page {crowd.slowest:.3f} s")
        self.assertEqual(crowd.wrong, [])
        self.assertEqual(counts["broken"], 0)
        self.assertGreaterEqual(len(crowd.workers), 50)
        self.assertLess(counts["lost"], counts["ok"])

    def test_fifty_workers_while_lonc_restarts(self):
        with Crowd(self.node.browser, 50, ["msul1", "msul3"]) as crowd:
            wait_for(lambda: crowd.counts()["ok"] > 200, "pages come", 60)
            self.container.systemctl("restart", "lonc")
            before = crowd.counts()["ok"]
            wait_for(lambda: crowd.counts()["ok"] > before + 200, "pages come", 60)
            counts = crowd.stop()
        print(f"{counts}, slowest page {crowd.slowest:.3f} s")
        self.assertEqual((crowd.wrong, counts["broken"]), ([], 0))


class LogTest(PageTest):
    """Under load, with a known number of lines: each `close_connection_exit` gets one."""

    LINES = 600

    def setUp(self):
        super().setUp()
        self.remove_old_logs()
        self.addCleanup(self.remove_old_logs)

    def log_files(self):
        """lonc.log and all its predecessors, including compressed ones."""
        return [path for path in self.node.logs.iterdir() if path.name.startswith("lonc.log")]

    def remove_old_logs(self):
        for path in self.log_files():
            if path.name != "lonc.log":
                path.unlink()

    def text(self, path):
        inside = f"/home/httpd/perl/logs/{path.name}"
        return self.container.run("zcat", "--force", inside, user="www").stdout

    def count(self):
        return sum(self.text(path).count("Request Close Connection") for path in self.log_files())

    def rotate_under_load(self, rotate):
        """Calls `rotate` again and again while lines are written; none may be missing or broken afterwards."""
        before = self.count()
        written = 0
        with Crowd(self.node.browser, 4, ["msul3"], way="subreply") as crowd:
            while written < self.LINES:
                for _ in range(10):
                    self.assertIsNone(self.node.ask("msul1", "close_connection_exit"))
                    written += 1
                if written % 120 == 0 and written < self.LINES:
                    rotate()
            counts = crowd.stop()
        self.assertEqual((crowd.wrong, counts["broken"]), ([], 0))
        self.assertEqual(counts["lost"], 0)
        self.assertGreater(counts["ok"], 0)
        wait_for(lambda: self.count() == before + written, "each line is in the log once", 10)
        for path in self.log_files():
            for line in self.text(path).splitlines():
                self.assertRegex(line, LOG_LINE, path.name)

    def logrotate(self, check=True):
        return self.container.run("logrotate", "--force", "/etc/logrotate.d/lonc", check=check)

    def test_logrotate(self):
        """Without loncron. The permanent log is never touched."""
        permanent = self.node.spool.permanent_log
        permanent.touch()
        before = permanent.stat().st_ino, permanent.read_text()
        self.rotate_under_load(self.logrotate)
        self.assertGreater(len(self.log_files()), 2, self.log_files())
        self.assertEqual((permanent.stat().st_ino, permanent.read_text()), before)
        rules = [line for line in self.node.path("/etc/logrotate.d/lonc").read_text().splitlines()
                 if not line.startswith("#")]
        self.assertNotIn("lonnet.perm.log", "\n".join(rules))

    def test_loncron(self):
        """It renames .1 to .2 and so on, and then lonc.log to .1; logrotate leaves the log to loncron."""
        loncron = self.node.path("/home/httpd/perl/loncron")
        loncron.write_text("#!/usr/bin/perl\n")
        loncron.chmod(0o755)
        self.addCleanup(loncron.unlink)
        inode = wait_for(self.node.log_file.stat, "there is a log").st_ino
        self.logrotate(check=False)
        self.assertEqual(self.node.log_file.stat().st_ino, inode)
        self.assertEqual([path.name for path in self.log_files()], ["lonc.log"])

        def rename():
            for number in range(8, 0, -1):
                old = self.node.logs / f"lonc.log.{number}"
                if old.exists():
                    old.rename(self.node.logs / f"lonc.log.{number + 1}")
            wait_for(self.node.log_file.exists, "lonc goes on in a new file")
            self.node.log_file.rename(self.node.logs / "lonc.log.1")

        self.rotate_under_load(rename)
        self.assertEqual(len(self.log_files()), 5, self.log_files())


class StatusPageTest(PageTest):
    def test_by_apache(self):
        """The page is in the same directory as the status that it shows."""
        status, text = self.node.browser.get("/lon-status/lonc.html")
        self.assertEqual(status, 200, text)
        self.assertIn("loncstatus.json", text)
        self.assertNotRegex(text, r"(src|href)=[\"']?(https?:)?//")
        status, text = self.node.browser.get("/lon-status/loncstatus.json")
        self.assertEqual(status, 200)
        self.assertEqual([peer["id"] for peer in json.loads(text)["peers"]], sorted(HOSTS))
