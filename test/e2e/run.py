"""Runs test modules for ctest: `run.py e2e.test_relay`. Exits with 77 if every test was skipped, 1 if one failed."""
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
    if result.testsRun and len(result.skipped) == result.testsRun and result.wasSuccessful():
        print("all tests were skipped:", "; ".join(sorted({reason for _, reason in result.skipped})))
        return SKIPPED
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
