#!/usr/bin/env python3
"""Writes the sources of core, os and net with all variants in them. generate.py ROOT TO; `--check` only looks whether
each variant still fits the source."""
import argparse
import pathlib
import sys

from variants import VARIANTS

LAYERS = ("core", "os", "net")
SWITCH = "lonc_variant({})"


def sources(root):
    for top in ("include/lonc", "src"):
        for layer in LAYERS:
            yield from sorted((root / top / layer).rglob("*.[ch]pp"))


def place_of(variant, texts):
    """The file and the offset of the text that the variant replaces."""
    files = [path for path, text in texts.items() if variant.after in text]
    found = []
    for path in files:
        start = texts[path].index(variant.after)
        # A declaration in a header may be spelled like the definition.
        at = texts[path].find(variant.old, start)
        if at >= 0:
            found.append((path, at))
    if len(found) != 1:
        raise LookupError(f"variant {variant.number}, {variant.title}: {variant.old!r} behind {variant.after!r} is in "
                          f"{len(found)} files; adapt test/variants/variants.py to the source")
    return found[0]


def apply(texts):
    """The changed texts. Two variants may change the same text: then either of them is in force."""
    edits, errors = {}, []
    for variant in VARIANTS:
        try:
            path, at = place_of(variant, texts)
            edits.setdefault(path, []).append((at, at + len(variant.old), variant))
        except LookupError as error:
            errors.append(str(error))
    changed = dict(texts)
    for path, places in edits.items():
        text = texts[path]
        last = len(text)
        for begin, end, variant in sorted(places, key=lambda place: place[0], reverse=True):
            if end > last:
                errors.append(f"variant {variant.number} overlaps another one in {path}")
            text = text[:begin] + variant.new.replace("$V", SWITCH.format(variant.number)) + text[end:]
            last = begin
        changed[path] = text
    return changed, errors


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("to", type=pathlib.Path, nargs="?")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    texts = {path: path.read_text() for path in sources(options.root)}
    changed, errors = apply(texts)
    numbers = [variant.number for variant in VARIANTS]
    errors += [f"number {number} is used twice" for number in sorted(set(numbers)) if numbers.count(number) > 1]
    for error in errors:
        print(error, file=sys.stderr)
    if errors or options.check:
        print(f"{len(VARIANTS)} variants, {len(errors)} do not fit")
        return 1 if errors else 0
    for path, text in changed.items():
        to = options.to / path.relative_to(options.root)
        if to.exists() and to.read_text() == text:
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
