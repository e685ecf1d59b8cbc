"""Sums up one ctest run: how many tests of each label passed, and the names of those that did not.

Fails if a test failed, if none ran, or if one that should have run did not.
"""

import argparse
import collections
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def read_labels(path):
    """The labels of each test, from ctest --show-only=json-v1 (the JUnit file of this ctest has none)."""
    labels = {}
    for test in json.loads(path.read_text(encoding="utf-8"))["tests"]:
        properties = {entry["name"]: entry["value"] for entry in test.get("properties", [])}
        labels[test["name"]] = properties.get("LABELS") or ["(no label)"]
    return labels


def read_results(path):
    """passed, failed or skipped for each test. A test whose program is missing counts as failed."""
    results = {}
    if not path.exists():
        return results
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        skipped = case.find("skipped")
        reason = skipped.get("message", "") if skipped is not None else ""
        if case.get("status") == "run":
            results[case.get("name")] = "passed"
        elif case.get("status") == "disabled" or reason.startswith("SKIP_"):
            results[case.get("name")] = "skipped"
        else:
            results[case.get("name")] = "failed"
    return results


def count_by_label(labels, results):
    counts = collections.defaultdict(collections.Counter)
    for name, names_of_labels in labels.items():
        for label in names_of_labels:
            counts[label][results.get(name, "failed")] += 1
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path, help="folder with tests.json (--show-only) and tests.xml (JUnit)")
    parser.add_argument("--need", default="", help="labels of which a test must have passed")
    parser.add_argument("--no-skips", action="store_true", help="a skipped test is a failure")
    parser.add_argument("--totals", help="file to write `PASSED FAILED SKIPPED` to")
    options = parser.parse_args()

    labels = read_labels(options.build / "tests.json")
    results = {name: "failed" for name in labels} | read_results(options.build / "tests.xml")
    totals = collections.Counter(results.values())
    by_label = count_by_label(labels, results)

    print(f"\nTests of {options.build.name} by label (a test may have several):")
    for label, count in sorted(by_label.items()) + [("all", totals)]:
        print(f"  {label:<10} {count['passed']:5} passed {count['failed']:5} failed {count['skipped']:5} skipped")
    for outcome in ("skipped", "failed"):
        for name in sorted(name for name, result in results.items() if result == outcome):
            print(f"  {outcome}: {name}")

    missing = [label for label in options.need.split() if not by_label[label]["passed"]]
    for label in missing:
        print(f"  missing: no test with the label {label} passed, and one should")
    if options.no_skips and totals["skipped"]:
        print("  here every test should run, and some were skipped")
    if not results:
        print("  no test was run")
    if options.totals:
        pathlib.Path(options.totals).write_text(f"{totals['passed']} {totals['failed']} {totals['skipped']}\n")
    bad = totals["failed"] or missing or not results or (options.no_skips and totals["skipped"])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
