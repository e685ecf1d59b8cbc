"""The status page as lonc itself serves it, and as a web server serves it with the files of lonc."""
import os
import signal
import time

from browser.page_test import PageTest
from e2e.harness import wait_for
from e2e.peers import load

HOSTS = ["data1", "msul1", "msul2"]


class LiveTest(PageTest):
    def setUp(self):
        super().setUp()
        self.place = f"{self.network.address('admin')}:{self.network.port}"
        self.lond, self.lonc = self.pair(HOSTS, settings={"status-interval": "1s", "admin-address": self.place})

    def show(self):
        self.browser.open(f"http://{self.place}/")

    def leave_message(self, host):
        """As lonnet does when it gets con_lost."""
        (self.lonc.sockets / "delayed" / f"{int(time.time()) - 100}.1.1.put.{host}").write_text("put:msu:korte:x")


class EndpointTest(LiveTest):
    def test_all_up(self):
        load(self.lonc, HOSTS, requests=300)
        self.show()
        self.wait_sentence("All is well: all 3 peers are up, and no message waits.")
        self.assertEqual(self.browser.title(), "✓ all up – lonc on data1")
        self.assertEqual(self.rows(), HOSTS)
        self.assertRegex(self.browser.text("#up tbody tr:last-child"), r"\d ms")
        wait_for(lambda: self.browser.count("#charts svg") == 3, "the curves of the last minutes")
        self.picture("live-all-up")
        self.assert_no_complaint()

    def test_one_down_and_back(self):
        """Without any action it says so within a few seconds, and again when all is well."""
        self.show()
        self.wait_sentence("All is well")
        self.leave_message("msul1")
        self.lond.down("msul1")
        self.lonc.wait_lost("msul1")
        self.wait_sentence("1 of 3 peers is away; 1 delayed message waits for it.", 20)
        self.assertIn("1 away", self.browser.title())
        self.assertIn("lond does not listen there", self.browser.text("#causes article"))
        self.assertEqual(self.browser.texts("#causes tbody th"), ["msul1"])
        self.assertEqual(self.rows(), ["data1", "msul2"])
        self.picture("live-one-down")
        self.lond.up("msul1")
        self.lonc.wait_up("msul1")
        self.wait_sentence("All is well")
        self.assertEqual(self.rows(), HOSTS)
        self.assert_no_complaint()

    def test_daemon_gone(self):
        """The page is open and lonc is killed: it says so, keeps the last status, and recovers without any action."""
        self.show()
        self.wait_sentence("All is well")
        self.lonc.process.kill()
        self.lonc.process.wait()
        text = self.wait_sentence("lonc has not answered since")
        self.assertIn("no answer", self.browser.title())
        self.assertIn("systemctl status lonc", self.browser.text("#advice"))
        self.assertEqual(self.rows(), HOSTS)
        wait_for(lambda: self.browser.complaints(), "a further question has failed, too")
        self.assertEqual(self.sentence(), text)
        self.picture("live-daemon-gone")
        self.lonc.start()
        self.wait_sentence("All is well")

    def test_drained_peer(self):
        self.lonc.admin().post("/drain", {"peers": ["msul1"]})
        wait_for(lambda: self.lonc.admin().peer("msul1")["state"] == "drained", "it is drained")
        self.show()
        self.wait_sentence("1 peer is drained.")
        self.assertIn("loncctl reconnect", self.browser.text("#causes"))
        self.assertTrue(self.browser.title().startswith("·"), self.browser.title())

    def test_hung_daemon(self):
        """Stopped in the middle: the page shows the age of its data."""
        self.show()
        self.wait_sentence("All is well")
        self.lonc.process.send_signal(signal.SIGSTOP)
        try:
            self.refresh()
            self.browser.wait_text("#fresh", "waiting for an answer")
        finally:
            self.lonc.process.send_signal(signal.SIGCONT)
        wait_for(lambda: "waiting" not in self.browser.text("#fresh"), "an answer", 30)


class FilesTest(LiveTest):
    def test_beside_the_files_of_lonc(self):
        """Apache's /lon-status/: the page is next to the files that lonc writes."""
        files = self.folder(self.lonc.status_file.parent)
        self.browser.open(files.url)
        self.wait_sentence("All is well: all 3 peers are up")
        self.assertEqual(self.rows(), HOSTS)
        self.lonc.process.kill()
        self.lonc.process.wait()
        self.wait_sentence("lonc has not written its status since", 20)
        self.assertEqual(self.rows(), HOSTS)
        self.picture("files-daemon-gone")
        os.kill(self.lonc.launch().pid, 0)
        self.lonc.wait_ready()
        self.wait_sentence("All is well", 20)
