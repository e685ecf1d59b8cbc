"""Feeds run.py small modules and checks what it reports to ctest."""
import contextlib
import io
import sys
import types
import unittest

import run


def passes():
    pass


def fails():
    raise AssertionError("as it should")


def is_skipped():
    raise unittest.SkipTest("no reason")


class RunTest(unittest.TestCase):
    def result_of(self, *cases):
        module = types.ModuleType("sample")
        module.load_tests = lambda loader, tests, pattern: unittest.TestSuite(unittest.FunctionTestCase(case) for case in cases)
        sys.modules["sample"] = module
        self.addCleanup(sys.modules.pop, "sample", None)
        with contextlib.redirect_stdout(io.StringIO()) as self.output:
            return run.main(["sample"])

    def test_result(self):
        self.assertEqual(self.result_of(passes, passes), 0)
        self.assertEqual(self.result_of(passes, fails), 1)
        self.assertEqual(self.result_of(), 1)

    def test_skipped(self):
        self.assertEqual(self.result_of(is_skipped), 77)
        self.assertEqual(self.result_of(passes, is_skipped), 77)
        self.assertIn("1 of 2 were skipped: no reason", self.output.getvalue())
        self.assertEqual(self.result_of(fails, is_skipped), 1)


if __name__ == "__main__":
    unittest.main()
