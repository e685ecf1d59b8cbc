"""Holds the direction of the layers: app may use net, net may use core, core may use neither.

check_layers.py ROOT looks at ROOT/include/lonc and ROOT/src. It reads #include lines and a few names, not C++.
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
STANDARD = re.compile(r"^[a-z_0-9]+$")
SUFFIXES = {".hpp", ".cpp", ".h", ".ipp"}

# core is told everything, so it needs little: whatever is not here is refused.
CORE_ALLOWED = re.compile(r"^(lonc/core/|boost/system/)")
CORE_REFUSED_STANDARD = {"filesystem", "fstream", "iostream", "thread", "mutex", "condition_variable", "future", "ctime"}
CORE_REFUSED_TEXT = [
    (re.compile(r"::\s*now\s*\("), "reads a clock"),
    (re.compile(r"\b(clock_gettime|gettimeofday)\s*\("), "reads a clock"),
    (re.compile(r"(?<![\w.>])(std::|::)?time\s*\(\s*(nullptr|NULL|0|&)"), "reads a clock"),
    (re.compile(r"(?<![\w.>])(fopen|getenv)\s*\("), "reaches outside the program"),
]
# net does sockets and timers; text for people and files of settings are app's.
NET_REFUSED = re.compile(r"^(lonc/app/|spdlog/|fmt/|nlohmann/|systemd/|boost/program_options)")


def why_refused(layer, name):
    """The reason why layer may not include name, or None."""
    if layer == "core":
        if STANDARD.match(name):
            return "core does no input or output" if name in CORE_REFUSED_STANDARD else None
        return None if CORE_ALLOWED.match(name) else "core includes the standard library and Boost.System only"
    if layer == "net" and NET_REFUSED.match(name):
        return "net includes nothing of app, nor what app alone uses"
    return None


def without_comments(text):
    """Blanks comments out, line ends kept. A // inside a string literal goes too: good enough here."""
    text = re.sub(r"/\*.*?\*/", lambda match: "\n" * match.group().count("\n"), text, flags=re.DOTALL)
    return re.sub(r"//[^\n]*", "", text)


def check_file(layer, path, shown):
    problems = []
    for number, line in enumerate(without_comments(path.read_text(encoding="utf-8")).splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            reason = why_refused(layer, match.group(2)) if match.group(1) == "<" else why_local_refused(layer, match.group(2))
            if reason:
                problems.append(f"{shown}:{number}: includes {match.group(2)}: {reason}")
        elif layer == "core":
            problems += [f"{shown}:{number}: {why}" for pattern, why in CORE_REFUSED_TEXT if pattern.search(line)]
    return problems


def why_local_refused(layer, name):
    """An include in quotes is for a neighbour in the same folder."""
    if name.startswith(".."):
        return "an include in quotes stays in its folder"
    return why_refused(layer, name) if name.startswith("lonc/") else None


def check_tree(root):
    """All problems of a tree, and how many files were looked at."""
    problems, count = [], 0
    for layer in ("core", "net", "app"):
        for folder in (root / "include" / "lonc" / layer, root / "src" / layer):
            for path in sorted(folder.rglob("*")):
                if path.suffix in SUFFIXES:
                    count += 1
                    problems += check_file(layer, path, path.relative_to(root))
    return problems, count


def main():
    problems, count = check_tree(pathlib.Path(sys.argv[1]))
    for problem in problems:
        print(problem)
    print(f"{count} files, {len(problems)} problems")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
