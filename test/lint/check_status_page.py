#!/usr/bin/env python3
"""Checks that the status page is self-contained: nothing from outside, no markup made from text, and a security policy
with the hashes of its own style and script. check_status_page.py FILE; with --fix before it, the hashes are corrected.
"""
import base64
import hashlib
import pathlib
import re
import sys

FORBIDDEN = {
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval)\b": "makes markup or code from text",
    r"<[^>]*\s(on[a-z]+|style)\s*=": "an attribute that the policy does not let through: use a listener, or a class",
    r"(src|href)\s*=\s*[\"'](https?:)?//": "something from another place",
    r"@import|url\(": "something that style fetches",
    r"<script\s+[^>]*>|<link\s+[^>]*stylesheet": "style and script stand in the page itself",
}


def hash_of(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def with_hashes(page):
    """The page with the correct hashes in its policy."""
    for tag in ("style", "script"):
        blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        if len(blocks) != 1:
            raise ValueError(f"has {len(blocks)} blocks <{tag}>; it must be one")
        right = hash_of(blocks[0])
        page, found = re.subn(rf"({tag}-src 'sha256-)[^']*'", rf"\g<1>{right}'", page, count=1)
        if not found:
            raise ValueError(f"has no {tag}-src 'sha256-...' in its Content-Security-Policy")
    return page


def problems(name, page):
    for number, line in enumerate(page.splitlines(), 1):
        for pattern, why in FORBIDDEN.items():
            if re.search(pattern, line):
                yield f"{name}:{number}: {why}"
    if "default-src 'none'" not in page:
        yield f"{name}: its Content-Security-Policy has no default-src 'none'"
    if with_hashes(page) != page:
        yield f"{name}: style or script is not that of its Content-Security-Policy; call {sys.argv[0]} --fix {name}"


def main(arguments):
    path = pathlib.Path(arguments[-1])
    page = path.read_text(encoding="utf-8")
    try:
        if arguments[0] == "--fix":
            path.write_text(with_hashes(page), encoding="utf-8")
            return 0
        found = list(problems(path, page))
    except ValueError as error:
        found = [f"{path}: {error}"]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
