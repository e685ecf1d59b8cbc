"""Runs test modules for ctest: `run.py e2e.test_relay`. Exits with 1 if a test failed, 77 if one was skipped."""
import os
import pathlib
import sys
import unittest

SKIPPED = 77


def main(names):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
    missing = [path for name in ("LONC_BINARY", "LONC_CTL", "LONC_STANDIN", "LONC_LOAD")
               if (path := os.environ.get(name)) and not os.path.exists(path)]
    if missing:
        print("not built:", ", ".join(missing))
        return 1
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromNames(names))
    if not result.wasSuccessful():
        return 1
    # Even if other tests of the module passed: a test that did not run must not count as passed.
    if result.skipped:
        print(f"{len(result.skipped)} of {result.testsRun} were skipped:",
              "; ".join(sorted({reason for _, reason in result.skipped})))
        return SKIPPED
    return 0 if result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
