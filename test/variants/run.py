#!/usr/bin/env python3
"""Tries the variants: each must be caught by a test of core, of net, or by the simulator. Ends with
`N variants, N caught`, and fails if one survives."""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import random
import re
import resource
import subprocess
import sys
import time

from variants import VARIANTS

# Its peers send pieces, after each of which lonc waits for more: a minute and a half of pauses.
ALL_LENGTHS = "PeerSession batches: no answer reaches another client*"
FAILED_CASE = re.compile(r"^-{20,}\n(?!-)(.+)\n", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Check:
    name: str
    command: list

    def run(self, variant, seconds):
        """How the check failed, or None if it passed."""
        environment = os.environ | {"LONC_VARIANT": str(variant)}
        start = time.monotonic()
        with subprocess.Popen(self.command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", preexec_fn=bound) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                return f"not ended within {seconds:.0f} s"
        took = f"{time.monotonic() - start:.1f} s"
        if process.returncode == 0:
            return None
        if process.returncode < 0:
            return f"ended by signal {-process.returncode} ({took})"
        case = FAILED_CASE.search(output)
        lines = output.strip().splitlines()
        return f"{case.group(1).strip() if case else lines[-1] if lines else 'no output'} ({took})"


def bound():
    """A fault may ask for memory without end."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def checks_of(build):
    tests = build / "test" / "variants"
    found = [Check("core", [str(tests / "variants_test_core"), "--abort", "~[crash]~[slow]"]),
             Check("net", [str(tests / "variants_test_net"), "--abort", f"~{ALL_LENGTHS}"])]
    simulator = tests / "variants_lonc-sim"
    found += [Check("simulator", [str(simulator), "--seeds", "60"]),
              Check("simulator of the spool", [str(simulator), "--spool", "--seeds", "300"])]
    found.append(Check("net, all lengths", [str(tests / "variants_test_net"), "--abort", ALL_LENGTHS]))
    found.append(Check("crashes", [str(tests / "variants_test_core"), "--abort", "[crash]"]))
    return found


def chosen(options):
    if options.only:
        wanted = {int(number) for number in options.only.split(",")}
        unknown = wanted - {variant.number for variant in VARIANTS}
        if unknown:
            sys.exit(f"there is no variant {', '.join(map(str, sorted(unknown)))}")
        return [variant for variant in VARIANTS if variant.number in wanted]
    if options.draw:
        return random.Random(options.seed).sample(VARIANTS, options.draw)
    return VARIANTS


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="a build directory with the target variants")
    parser.add_argument("--only", help="the numbers of some variants, separated by commas")
    parser.add_argument("--draw", type=int, help="only so many, drawn by --seed")
    parser.add_argument("--seed", default="", help="any text, such as a commit")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("--totals", type=pathlib.Path, help="file to write `PASSED FAILED SKIPPED` to")
    parser.add_argument("--table", type=pathlib.Path, help="write a table of what caught each")
    options = parser.parse_args()
    checks = checks_of(options.build)
    limits = {}
    for check in checks:  # otherwise everything would be caught
        start = time.monotonic()
        failure = check.run(0, 600)
        if failure:
            sys.exit(f"{check.name} fails without any variant: {failure}")
        # A check that hangs by a fault catches it; one that is slow because others run beside it does not.
        limits[check.name] = 20 + 5 * (time.monotonic() - start)

    def attempt(variant):
        for check in checks:
            failure = check.run(variant.number, limits[check.name])
            if failure:
                return variant, check.name, failure
        return variant, None, None

    caught, rows = 0, []
    variants = chosen(options)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for variant, name, failure in pool.map(attempt, variants):
            caught += name is not None
            verdict = f"{name}: {failure}" if name else "SURVIVES"
            print(f"{variant.number:4} {'hard' if variant.is_hard else '    '} {variant.title}: {verdict}", flush=True)
            rows.append(f"| {variant.number} | {variant.title} | {name or '**survives**'} | {failure or ''} |")
    if options.table:
        options.table.write_text("\n".join(["| no. | fault | caught by | how |", "| --- | --- | --- | --- |", *rows]) + "\n")
    if options.totals:
        options.totals.write_text(f"{caught} {len(variants) - caught} 0\n")
    print(f"{len(variants)} variants, {caught} caught")
    return 0 if caught == len(variants) else 1


if __name__ == "__main__":
    sys.exit(main())
