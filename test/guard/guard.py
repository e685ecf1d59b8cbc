"""The cost of a request compared with recorded values: guard.py LONC-GUARD [--record]. For ctest: 77 means skipped.

Instructions are counted by valgrind, only in lonc's part of the program; system calls and heap calls by the program
itself. All are the same in every run, except for a few instructions."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

RECORDED = pathlib.Path(__file__).resolve().parent / "recorded.json"
SHAPES = {
    "kept open": ("kept", 32), "a connection each": ("each", 32), "kept open, 200 B": ("kept", 200),
    "kept open, 4 kB": ("kept", 4096), "a connection each, 4 kB": ("each", 4096),
}
ROUNDS = 40
TOLERANCE = 0.03
SKIPPED = 77

HOW_TO_ACCEPT = """
A request costs more than it did. If that is the price of something worth it, accept it:
  python3 -B test/guard/guard.py build/dev/test/guard/lonc-guard --record
and commit test/guard/recorded.json with the reason in the message. If not, this shows where it goes:
  valgrind --tool=callgrind --collect-atstart=no --toggle-collect='guard_measured_*' LONC-GUARD kept 32 40
  callgrind_annotate callgrind.out.*"""


def measure(program, kind, size):
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "callgrind"
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=guard_measured_*",
             f"--callgrind-out-file={out}", program, kind, str(size), str(ROUNDS)],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{program} failed:\n{done.stdout}{done.stderr}")
        counted = json.loads(done.stdout)
        instructions = int(re.search(r"^totals: (\d+)", out.read_text(), re.MULTILINE).group(1))
    requests = counted.pop("requests")
    return {"instructions": round(instructions / requests, 1)} | counted


def compare(shape, now, before):
    is_good = True
    for name, value in now.items():
        was = before.get(shape, {}).get(name)
        if was is None:
            print(f"{shape:24} {name:14} {value:10.2f}  nothing is recorded")
            is_good = False
            continue
        rises = value > was * (1 + TOLERANCE)
        change = (value / was - 1) * 100 if was else 0
        print(f"{shape:24} {name:14} {value:10.4f}  recorded {was:10.4f}  {change:+6.2f} %{'  TOO MUCH' if rises else ''}")
        if value < was * (1 - TOLERANCE):
            print("  cheaper than recorded: record it, so that it stays so")
        is_good &= not rises
    return is_good


def main():
    program, *options = sys.argv[1:]
    if shutil.which("valgrind") is None:
        print("valgrind is missing: cmake/bootstrap.sh install test")
        return SKIPPED
    now = {shape: measure(program, *arguments) for shape, arguments in SHAPES.items()}
    if options == ["--record"]:
        RECORDED.write_text(json.dumps(now, indent=2) + "\n")
        return 0
    before = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    if all([compare(shape, values, before) for shape, values in now.items()]):
        return 0
    print(HOW_TO_ACCEPT)
    return 1


if __name__ == "__main__":
    sys.exit(main())
