"""The status page beside a file, as Apache serves it: what it says of documents, and how it can be looked at."""
import errno
import os
import re

from browser import documents
from browser.documents import campus, peer, status
from browser.page_test import PageTest
from e2e.harness import TEST_DIR, wait_for

TAB, ENTER, SPACE = "\ue004", "\ue007", " "
HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
ESCAPED = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

# The text nodes that are seen, and whose contrast to what is behind them is below that of WCAG AA.
CONTRAST = """
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, index) => sum + c * [0.2126, 0.7152, 0.0722][index], 0);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const style = getComputedStyle(at);
    const gradient = style.backgroundImage !== "none";
    const colour = channels(style.backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const bad = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const style = getComputedStyle(element);
  if (!walker.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true }) || /^(SCRIPT|STYLE|NOSCRIPT)$/.test(element.tagName)) continue;
  seen += 1;
  const [light, dark] = [luminance(channels(style.color)), luminance(behind(element))].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  if (ratio < 4.5) bad.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
}
return [seen, bad];
"""


def troubled():
    """A bad night: every state, and trouble with delayed messages."""
    peers = campus()
    for place, changed in {
            0: peer("msul1", "away", "Connection refused", delayed={"waiting": 14, "oldest_age_s": 3605}),
            3: peer("msul4", "away", "Connection refused", delayed={"quarantined": 1}, address="192.0.2.4:5663"),
            6: peer("msul7", "away", "the peer's name could not be resolved (at msul7.example.edu)", address=None),
            9: peer("msul10", "starting", next_attempt=None, opening=1, failed_in_a_row=0),
            12: peer("msul13", "paused", next_attempt=None, failed_in_a_row=0),
    }.items():
        peers[place] = changed
    return status(peers, delayed={"quarantined": 1})


class PageTestBesideFile(PageTest):
    def setUp(self):
        super().setUp()
        self.files = self.folder()

    def show(self, document, sentence="", **look):
        self.files.put(document)
        self.browser.resize(look.get("width", 1200), mobile="width" in look)
        self.browser.prefer(look.get("scheme", "light"))
        self.browser.open(self.files.url)
        wait_for(lambda: self.sentence() != "Asking lonc …" and sentence in self.sentence(),
                 f"it says {sentence!r}, not {self.sentence()!r}")

    def titles(self):
        """Of the causes for attention, in their order."""
        return self.browser.texts("#causes h3 > span:last-child")


class SayingTest(PageTestBesideFile):
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
                                         "1 delayed message set aside", "Being connected", "Paused by an administrator"])
        refused = self.browser.text("#causes article:first-child")
        for words in ("start it on the peer", "msul1", "msul4", "14, oldest 1 h", "in 2", "1 h 30 min"):
            self.assertIn(words, refused)
        self.assertIn("1 peer is paused", self.browser.text("#advice"))
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

    def test_every_error_of_lonc_has_a_remedy(self):
        """What the daemon gives advice for in its log, the page gives advice for, too."""
        source = (TEST_DIR.parent / "src" / "core" / "error.cpp").read_text()
        explained = re.findall(r'return \{"([^"]+)",\s*"', source)
        self.assertGreater(len(explained), 10)
        system = [os.strerror(getattr(errno, name)) for name in
                  ("ECONNREFUSED", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "ECONNRESET", "ECONNABORTED",
                   "EPIPE", "EMFILE", "ENFILE", "EACCES", "EPERM", "EADDRNOTAVAIL", "EAFNOSUPPORT", "ENOBUFS", "ENOMEM")]
        self.show(status([peer(f"msul{number}", "away", error) for number, error in enumerate(explained + system)]))
        self.assertEqual(self.browser.count("#causes article"), len(set(explained + system)))
        for text in self.browser.texts("#causes article"):
            self.assertNotIn("Look into lonc.log here", text)
        self.assertIn("look first at this server’s own network", self.browser.text("#advice"))

    def test_trouble_with_the_disk(self):
        self.show(status(campus(3), delayed={"trouble": "No space left on device", "trouble_since": documents.moment(90)}),
                  "Delayed messages are not sent.")
        self.assertIn("No space left on device", self.browser.text("#causes"))
        self.show(status(campus(3), delayed={"doubtful": 1, "doubtful_names": ["1.2.3.put.msul3"]}),
                  "1 delayed message may have arrived twice.")
        self.assertIn("1.2.3.put.msul3", self.browser.text("#causes"))
        self.show(status([peer("msul1", delayed={"waiting": 2, "attempts": 4, "tried": "1.2.3.put.msul1"})]), "All is well")
        self.assertEqual(self.titles(), ["The oldest delayed message fails at 1 peer"])

    def test_first_version_of_the_document(self):
        """Members that came later may be missing."""
        document = status(campus(3))
        for name in ("ready", "interval_s", "log_level", "history"):
            del document["daemon"][name]
        for each in document["peers"]:
            del each["round_trip"], each["delayed"]["oldest_age_s"], each["delayed"]["quarantined"]
        self.show(document, "All is well")
        self.assertEqual(len(self.rows()), 3)
        self.assert_no_complaint()

    def test_what_is_no_status(self):
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
        """However it comes: escaped, as lonc does it, or as it was."""
        for text in (ESCAPED, HOSTILE):
            names = {"name": text, "address": text}
            self.show(status([peer(text, "away", text, **names), peer(f"{text}2", **names)], host_id=text, text=text,
                             last_log={"at": documents.moment(), "text": text}, log_level=text,
                             delayed={"doubtful": 1, "doubtful_names": [text], "trouble": text,
                                      "trouble_since": documents.moment()}))
            self.assertEqual(self.browser.count("main img, main script, footer img, footer script, header img"), 0)
            self.assertIn("lonc on <img", self.browser.title())
            self.assertIn(HOSTILE, self.browser.text("#causes"))
            self.assertIn(HOSTILE, self.browser.text("#up"))
            self.assert_no_complaint()


class AgeTest(PageTestBesideFile):
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
        """Whatever the reader's clock says: the status is as old as the server says."""
        self.files.skew = -7200
        self.show(status(campus(2), age=7200), "All is well")
        self.assertRegex(self.browser.text("#fresh"), r"\b[0-5] s ago")
        self.files.skew = 7200
        self.show(status(campus(2)), "lonc has not written its status since")

    def test_web_server_gone(self):
        self.show(status(campus(2)), "All is well")
        self.files.close()
        self.refresh()
        self.wait_sentence("The web server has given no status since")
        self.assertIn("There was no connection", self.browser.text("#advice"))
        self.assertEqual(len(self.rows()), 2)

    def test_paused(self):
        self.show(status(campus(2)), "All is well")
        self.browser.click("#pause")
        self.assertEqual(self.browser.run("return document.querySelector('#pause').getAttribute('aria-pressed')"), "true")
        self.browser.wait_text("#fresh", "Paused")
        self.files.put(status([peer("msul1", "away", "Connection refused"), peer("msul2")]))
        self.browser.click("#pause")
        self.wait_sentence("1 of 2 peers is away.")


class LookTest(PageTestBesideFile):
    def assert_no_sideways_scroll(self):
        widest = self.browser.run("return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
        self.assertLessEqual(widest, self.browser.run("return innerWidth"))
        # What sticks out of a box that hides it would be missed by the above.
        outside = self.browser.run("""return [...document.querySelectorAll('main *, header *, footer *')].filter((each) =>
          each.checkVisibility() && !each.closest('.hide, thead, svg') && each.getBoundingClientRect().right > innerWidth + 0.5)
          .map((each) => each.outerHTML.slice(0, 200))""")
        self.assertEqual(outside, [])

    def test_telephone(self):
        document = troubled()
        document["peers"].append(peer("a" * 70, name="b" * 90 + ".example.edu", address="[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:5663"))
        document["peers"].append(peer("c" * 70, "away", "d" * 300, name="e" * 90))
        self.show(document, "4 of 39 peers are away", width=320)
        self.assertEqual(self.browser.run("return innerWidth"), 320)
        self.assert_no_sideways_scroll()
        self.assertEqual(self.browser.run("return getComputedStyle(document.querySelector('#up tbody tr')).display"), "grid")
        self.show(troubled(), "3 of 37", width=320)
        self.picture("telephone")

    def test_widths(self):
        for width in (360, 600, 740, 800, 1024):
            self.show(troubled(), "3 of 37", width=width)
            self.assert_no_sideways_scroll()

    def test_contrast(self):
        for scheme in ("light", "dark"):
            for document in (status(campus()), troubled(), status(campus(), age=400)):
                self.show(document, scheme=scheme)
                seen, bad = self.browser.run(CONTRAST)
                self.assertGreater(seen, 300)
                self.assertEqual(bad, [], scheme)
            backdrop = self.browser.run("return getComputedStyle(document.body).backgroundColor")
            self.assertEqual(backdrop, {"light": "rgb(243, 245, 248)", "dark": "rgb(14, 18, 23)"}[scheme])
        self.show(troubled(), scheme="dark")
        self.picture("troubles-dark")

    def test_screen_reader(self):
        """Landmarks, names and tables, also where the rows are cards."""
        for width in (1200, 320):
            self.show(troubled(), "3 of 37", width=width)
            told = self.browser.accessibility()
            roles = [role for role, _, _ in told]
            for landmark in ("banner", "main", "contentinfo"):
                self.assertEqual(roles.count(landmark), 1, landmark)
            names = {(role, name) for role, name, _ in told}
            for wanted in (("heading", "lonc on msul1"), ("heading", "Needs attention"), ("region", "The last minutes"),
                           ("heading", "Trouble: Connection refused"), ("table", "Connection refused"),
                           ("table", "Peers that are up"), ("columnheader", "Requests"), ("rowheader", "msul2"),
                           ("searchbox", "Filter"), ("button", "Refresh now"), ("button", "Pause refreshing"),
                           ("link", "loncstatus.json")):
                self.assertIn(wanted, names, f"at {width}")
            for role, name, _ in told:
                if role in ("button", "link", "searchbox", "image", "img", "table", "region", "combobox"):
                    self.assertTrue(name, f"{role} without a name at {width}")
            images = [name for role, name, _ in told if role in ("image", "img")]
            self.assertEqual(len(images), 3, images)  # the curves; marks are for the eye alone
            self.assertRegex(images[0], r"^Requests: now [\d.,]+/s, highest [\d.,]+/s")
            spoken = [properties["live"] for role, _, properties in told if role == "status"]
            self.assertEqual(spoken, ["polite"])

    def test_only_the_sentence_speaks(self):
        self.show(troubled(), "3 of 37")
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('[aria-live], [role=status], [role=alert]')].map((each) => each.id)"),
                         ["sentence"])

    def test_motion(self):
        self.browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        self.files.put(status(campus(2)))
        self.browser.open(self.files.url)
        self.wait_sentence("All is well")
        moving = self.browser.run("return [...document.querySelectorAll('*')].filter((each) => getComputedStyle(each).transitionDuration !== '0s').length")
        self.assertEqual(moving, 0)

    def test_nothing_else_is_fetched(self):
        self.show(troubled(), "3 of 37")
        self.refresh()
        fetched = self.browser.run("return [...new Set(performance.getEntriesByType('resource').map((each) => each.name.split('/').pop()))]")
        self.assertEqual(fetched, ["loncstatus.json"])


class HandlingTest(PageTestBesideFile):
    def focus(self):
        return self.browser.run("return document.activeElement.id || document.activeElement.innerText")

    def test_filter_by_keyboard(self):
        self.show(troubled(), "3 of 37")
        self.browser.press("/")
        self.assertEqual(self.focus(), "filter")
        self.browser.press("msul1")
        wait_for(lambda: self.rows() == ["msul11", "msul12", "msul14", "msul15", "msul16", "msul17", "msul18", "msul19"],
                 "those are left that match")
        self.assertEqual(self.titles()[0], "Connection refused")
        self.assertEqual(self.browser.texts("#causes tbody th"), ["msul1", "msul10", "msul13"])
        # A refresh changes neither what is filtered, nor where the reader is.
        self.browser.run("scrollTo(0, 200)")
        self.files.put(status(campus()))
        self.browser.run("ask()")
        self.wait_sentence("All is well")
        self.assertEqual(self.focus(), "filter")
        self.assertEqual(len(self.rows()), 11)
        self.assertEqual(self.browser.text("#matches"), "11 of 37 peers match")
        self.browser.press("zzz")
        self.browser.wait_text("#up", "No peer that is up matches")

    def test_sort_by_keyboard(self):
        self.show(status(campus(12)), "All is well")
        self.assertEqual(self.rows()[:3], ["msul1", "msul2", "msul3"])
        self.assertEqual(self.rows()[-1], "msul12")
        self.browser.press("/" + TAB)
        self.assertEqual(self.focus(), "Peer")
        self.browser.press(TAB * 5 + ENTER)
        self.assertEqual(self.focus(), "Requests")
        self.assertEqual(self.rows()[0], "msul1")
        self.browser.press(SPACE)
        self.assertEqual(self.rows()[0], "msul12")
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('#up th[aria-sort]')].map((each) => each.innerText + each.ariaSort)"),
                         ["Requestsascending"])
        self.assertEqual(self.focus(), "Requests")
        outline = self.browser.run("return getComputedStyle(document.activeElement).outlineStyle")
        self.assertEqual(outline, "solid")

    def test_sort_on_a_telephone(self):
        self.show(status(campus(12)), "All is well", width=320)
        self.browser.run("const list = document.querySelector('#sort'); list.value = '6'; list.dispatchEvent(new Event('change'))")
        self.assertEqual(self.rows()[0], "msul4")

    def test_thousand_peers(self):
        """All away but a few: what is shown at first is bounded, and all can be seen."""
        peers = [peer(f"msul{number}", "away" if number % 5 else "up", "Connection refused" if number % 5 else None)
                 for number in range(1000)]
        self.show(status(peers), "800 of 1,000 peers are away.")
        self.assertEqual((len(self.rows()), self.browser.count("#causes tbody tr")), (100, 20))
        self.picture("thousand-peers")
        self.browser.click("#up .more button")
        wait_for(lambda: len(self.rows()) == 200, "all that are up are shown")
        self.browser.click("#causes .more button")
        wait_for(lambda: self.browser.count("#causes tbody tr") == 800, "all that are away are shown")
        self.browser.press("/")
        self.browser.press("msul999")
        wait_for(lambda: self.browser.texts("#causes tbody th") == ["msul999"], "one is left")

    def test_ten_thousand_peers(self):
        self.show(status([peer(f"msul{number}") for number in range(10000)]), "all 10,000 peers are up")
        self.assertEqual(len(self.rows()), 100)
        self.browser.press("/")
        self.browser.press("msul9999")
        wait_for(lambda: self.rows() == ["msul9999"], "one is left")
