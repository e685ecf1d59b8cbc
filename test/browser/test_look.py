"""Appearance and operation of the status page: widths, colours, screen readers, the keyboard, many peers."""
from browser.documents import campus, peer, status, troubled
from browser.page_test import BesideFileTest
from e2e.harness import wait_for

TAB, ENTER, SPACE = "\ue004", "\ue007", " "

# The visible text nodes whose contrast to their background is below that of WCAG AA.
CONTRAST = """
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
const linear = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
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
  if (!walker.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
  if (/^(SCRIPT|STYLE|NOSCRIPT)$/.test(element.tagName)) continue;
  seen += 1;
  const [light, dark] = [luminance(channels(style.color)), luminance(behind(element))].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  if (ratio < 4.5) bad.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
}
return [seen, bad];
"""


class LookTest(BesideFileTest):
    def assert_no_sideways_scroll(self):
        widest = self.browser.run("return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
        self.assertLessEqual(widest, self.browser.run("return innerWidth"))
        # Content that is clipped by its box would be missed by the check above.
        outside = self.browser.run("""
          return [...document.querySelectorAll('main *, header *, footer *')]
            .filter((each) => each.checkVisibility() && !each.closest('.hide, thead, svg'))
            .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5)
            .map((each) => each.outerHTML.slice(0, 200))""")
        self.assertEqual(outside, [])

    def test_telephone(self):
        document = troubled()
        document["peers"].append(peer("a" * 70, name="b" * 90, address="[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:5663"))
        document["peers"].append(peer("c" * 70, "away", "d" * 300, name="e" * 90))
        self.show(document, "4 of 39 peers are away", width=320)
        self.assertEqual(self.browser.run("return innerWidth"), 320)
        self.assert_no_sideways_scroll()
        self.assertEqual(self.style("document.querySelector('#up tbody tr')", "display"), "grid")
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
            backdrop = self.style("document.body", "backgroundColor")
            self.assertEqual(backdrop, {"light": "rgb(243, 245, 248)", "dark": "rgb(14, 18, 23)"}[scheme])
        self.show(troubled(), scheme="dark")
        self.picture("troubles-dark")

    def test_screen_reader(self):
        """Landmarks, names and tables, even if the rows are cards."""
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
            self.assertEqual(len(images), 3, images)  # the curves; marks are only visual
            self.assertRegex(images[0], r"^Requests: now [\d.,]+/s, highest [\d.,]+/s")
            spoken = [properties["live"] for role, _, properties in told if role == "status"]
            self.assertEqual(spoken, ["polite"])

    def test_only_the_sentence_speaks(self):
        self.show(troubled(), "3 of 37")
        speaking = self.browser.run("""
          return [...document.querySelectorAll('[aria-live], [role=status], [role=alert]')].map((each) => each.id)""")
        self.assertEqual(speaking, ["sentence"])

    def test_motion(self):
        self.browser.devtools("Emulation.setEmulatedMedia",
                              features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        self.files.put(status(campus(2)))
        self.browser.open(self.files.url)
        self.wait_sentence("All is well")
        durations = self.browser.run("""
          const durations = [...document.querySelectorAll('*')].map((each) => getComputedStyle(each).transitionDuration);
          return [...new Set(durations)];""")
        self.assertEqual(durations, ["0s"])

    def test_nothing_else_is_fetched(self):
        self.show(troubled(), "3 of 37")
        self.refresh()
        fetched = self.browser.run("return performance.getEntriesByType('resource').map((each) => each.name)")
        self.assertEqual({name.rpartition("/")[2] for name in fetched}, {"loncstatus.json"})


class HandlingTest(BesideFileTest):
    def focus(self):
        return self.browser.run("return document.activeElement.id || document.activeElement.innerText")

    def test_filter_by_keyboard(self):
        self.show(troubled(), "3 of 37")
        self.browser.press("/")
        self.assertEqual(self.focus(), "filter")
        self.browser.press("msul1")
        left = [f"msul{number}" for number in (11, 12, 14, 15, 16, 17, 18, 19)]
        wait_for(lambda: self.rows() == left, "those are left that match")
        self.assertEqual(self.titles()[0], "Connection refused")
        self.assertEqual(self.browser.texts("#causes tbody th"), ["msul1", "msul10", "msul13"])
        # A refresh changes neither the filter nor the position of the reader.
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
        sorted_by = self.browser.run("""
          return [...document.querySelectorAll('#up th[aria-sort]')].map((each) => [each.innerText, each.ariaSort])""")
        self.assertEqual(sorted_by, [["Requests", "ascending"]])
        self.assertEqual(self.focus(), "Requests")
        self.assertEqual(self.style("document.activeElement", "outlineStyle"), "solid")

    def test_sort_on_a_telephone(self):
        self.show(status(campus(12)), "All is well", width=320)
        self.browser.run("""
          const list = document.querySelector('#sort');
          list.value = '6';
          list.dispatchEvent(new Event('change'));""")
        self.assertEqual(self.rows()[0], "msul4")

    def test_thousand_peers(self):
        """Almost all away: the number shown at first is limited, and all can be shown."""
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
