"""Feeds small wrong pages to check_status_page.py, which must refuse each, and a correct one, which it must accept."""

import unittest

import check_status_page

PAGE = """<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'sha256-'; script-src 'sha256-'">
<style>p { color: red; }</style>
<p>x</p>
<script>"use strict";</script>
"""


class CheckStatusPage(unittest.TestCase):
    def problems(self, page):
        return list(check_status_page.problems("x.html", check_status_page.with_hashes(page)))

    def test_right_page(self):
        self.assertEqual(self.problems(PAGE), [])

    def test_wrong_hash(self):
        page = check_status_page.with_hashes(PAGE).replace("red", "blue")
        found = list(check_status_page.problems("x.html", page))
        self.assertEqual(len(found), 1)
        self.assertIn("--fix", found[0])

    def test_what_is_forbidden(self):
        for wrong in ('<p style="color: red">', "<p onclick='x()'>", '<img src="https://x.example/y.png">',
                      '<a href="//x.example/">', '<script src="x.js"></script>', "<link rel=stylesheet>"):
            found = self.problems(PAGE.replace("<p>x</p>", wrong))
            self.assertEqual(len(found), 1, f"{wrong}: {found}")
            self.assertTrue(found[0].startswith("x.html:4: "), found)
        for wrong in ("x.innerHTML = y;", "eval(x);", "document.write(x);"):
            self.assertEqual(len(self.problems(PAGE.replace('"use strict";', wrong))), 1, wrong)
        for wrong in ("@import 'x.css';", "p { background: url(x.png); }"):
            self.assertEqual(len(self.problems(PAGE.replace("p { color: red; }", wrong))), 1, wrong)

    def test_policy(self):
        self.assertEqual(len(self.problems(PAGE.replace("default-src 'none'; ", ""))), 1)
        for wrong in (PAGE.replace("style-src 'sha256-';", ""), PAGE + "<style></style>"):
            with self.assertRaises(ValueError):
                self.problems(wrong)


if __name__ == "__main__":
    unittest.main()
