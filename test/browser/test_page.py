"""The status page next to a file, as Apache serves it: what it says about documents, and about their age."""
from browser import documents
from browser.documents import campus, peer, status, troubled
from browser.page_test import BesideFileTest

HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
ESCAPED = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class SayingTest(BesideFileTest):
    def test_all_up(self):
        self.show(status(campus()), "All is well: all 37 peers are up, and no message waits.")
        self.assertEqual(self.browser.title(), "✓ all up – lonc on msul1")
        self.assertEqual(len(self.rows()), 37)
        self.assertFalse(self.browser.run("return document.querySelector('#attention').checkVisibility()"))
        self.picture("all-up")
        self.assert_no_complaint()

    def test_troubles(self):
        self.show(troubled(), "3 of 37 peers are away; 14 delayed messages wait for them.")
        self.assertEqual(self.browser.title(), "✗ 3 away – lonc on msul1")
        self.assertEqual(self.titles(), ["Connection refused", "The peer's name could not be resolved",
                                         "1 delayed message quarantined", "Connecting",
                                         "Drained by an administrator"])
        refused = self.browser.text("#causes article:first-child")
        for words in ("start it on the peer", "msul1", "msul4", "14, oldest 1 h", "in 2", "1 h 30 min"):
            self.assertIn(words, refused)
        self.assertIn("1 peer is drained", self.browser.text("#advice"))
        self.picture("troubles")
        self.assert_no_complaint()

    def test_favicon_tells_the_state(self):
        icons = set()
        for document in (status(campus()), troubled(), status([])):
            self.show(document)
            icon = self.browser.run("return document.querySelector('link[rel=icon]').href")
            self.assertTrue(icon.startswith("data:image/svg+xml,"), icon)
            icons.add(icon)
        self.assertEqual(len(icons), 3)

    def test_remedy_is_the_one_of_the_status(self):
        away = [peer(f"msul{number}", "away", "x", remedy="do this &lt;now&gt;") for number in range(1, 5)]
        self.show(status(away + [peer("msul5", "given_up", "y", remedy="do that"), peer("msul6", "away", "z", remedy=None)]))
        self.assertIn("Do this <now>.", self.browser.text("#causes"))
        self.assertIn("Do that.", self.browser.text("#causes"))
        self.assertIn("look first at this server’s own network", self.browser.text("#advice"))

    def test_trouble_with_the_disk(self):
        full = {"trouble": "No space left on device", "trouble_since": documents.moment(90), "remedy": "look at the disk"}
        self.show(status(campus(3), delayed=full), "Delayed messages are not sent.")
        self.assertIn("No space left on device", self.browser.text("#causes"))
        self.assertIn("Look at the disk.", self.browser.text("#causes"))
        self.show(status(campus(3), delayed={"doubtful": 1, "doubtful_names": ["1.2.3.put.msul3"]}),
                  "1 delayed message may have arrived twice.")
        self.assertIn("1.2.3.put.msul3", self.browser.text("#causes"))
        failing = {"waiting": 2, "attempts": 4, "tried": "1.2.3.put.msul1"}
        self.show(status([peer("msul1", delayed=failing)]), "All is well")
        self.assertEqual(self.titles(), ["The oldest delayed message fails at 1 peer"])

    def test_first_version_of_the_document(self):
        """Members that were added later may be missing."""
        document = status(campus(3))
        for name in ("ready", "interval_s", "log_level", "history"):
            del document["daemon"][name]
        for each in document["peers"]:
            del each["remedy"], each["round_trip"], each["delayed"]["oldest_age_s"], each["delayed"]["quarantined"]
        self.show(document, "All is well")
        self.assertEqual(len(self.rows()), 3)
        self.assert_no_complaint()

    def test_invalid_status(self):
        for text, words in (("{", "not JSON"), ('{"version": 2}', "has version 2")):
            self.show(text, "There is no status to show.")
            self.assertIn(words, self.browser.text("#advice"))
        (self.files.directory / "loncstatus.json").unlink()
        self.refresh()
        self.browser.wait_text("#advice", "There is no loncstatus.json beside this page")
        self.files.put(status(campus(2)))
        self.refresh()
        self.wait_sentence("All is well")

    def test_hostile_text_is_text(self):
        """Whether it is escaped, as lonc does, or raw."""
        for text in (ESCAPED, HOSTILE):
            names = {"name": text, "address": text, "remedy": text}
            self.show(status([peer(text, "away", text, **names), peer(f"{text}2", **names)], host_id=text, text=text,
                             last_log={"at": documents.moment(), "text": text}, log_level=text,
                             problems=[{"text": text, "remedy": text}], delayed={"remedy": text, "doubtful": 1, "doubtful_names": [text], "trouble": text,
                                      "trouble_since": documents.moment()}))
            self.assertEqual(self.browser.count("main img, main script, footer img, footer script, header img"), 0)
            self.assertIn("lonc on <img", self.browser.title())
            self.assertIn(HOSTILE, self.browser.text("#causes"))
            self.assertIn(HOSTILE, self.browser.text("#up"))
            self.assert_no_complaint()


class AgeTest(BesideFileTest):
    def test_old_file(self):
        self.show(status(campus(), age=400), "lonc has not written its status since")
        self.assertIn("old data", self.browser.title())
        self.assertIn("6 min", self.browser.text("#advice"))
        self.assertIn("Peers that were up", self.browser.text("#peers-title"))
        self.assertEqual(len(self.rows()), 37)
        self.picture("old-file")
        self.files.put(status(campus()))
        self.refresh()
        self.wait_sentence("All is well")

    def test_without_interval_nothing_is_old(self):
        self.show(status(campus(2), age=4000, interval_s=0), "All is well")
        self.assertIn("written on events only", self.browser.text("#fresh"))

    def test_wrong_clock_of_the_reader(self):
        """Whatever the reader's clock says, the age of the status is that of the server's clock."""
        self.files.skew = -7200
        self.show(status(campus(2), age=7200), "All is well")
        self.assertRegex(self.browser.text("#fresh"), r"\b[0-5] s ago")
        self.files.skew = 7200
        self.show(status(campus(2)), "lonc has not written its status since")

    def test_web_server_gone(self):
        self.show(status(campus(2)), "All is well")
        self.files.close()
        self.refresh()
        self.wait_sentence("The web server has returned no status since")
        self.assertIn("There was no connection", self.browser.text("#advice"))
        self.assertEqual(len(self.rows()), 2)

    def test_paused(self):
        self.show(status(campus(2)), "All is well")
        self.browser.click("#pause")
        self.assertEqual(self.browser.run("return document.querySelector('#pause').ariaPressed"), "true")
        self.browser.wait_text("#fresh", "Paused")
        self.files.put(status([peer("msul1", "away", "Connection refused"), peer("msul2")]))
        self.browser.click("#pause")
        self.wait_sentence("1 of 2 peers is away.")
