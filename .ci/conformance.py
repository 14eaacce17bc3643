#!/usr/bin/env python3
"""Runs the recorded cases of a corpus against the CLI and holds the outcome against the known differences.

    conformance.py CORPUS BINARY [--over-http]

CORPUS is a folder with compare.py and cases/. The run fails when

- a case fails at the result level (status, output, error, cause), or
- under 95 % of the compared histories are right, or
- the cases whose history differs are not exactly those in tests/conformance/known-differences.txt,
  one `case id # reason` per line.

With --over-http the tasks are not mocked: the cases that call services do so over HTTP (see replay.py), and those that
differ, in result or history, must be exactly those in tests/conformance/known-differences-over-http.txt.
"""

import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
KNOWN = HERE.parent / "tests/conformance/known-differences.txt"
KNOWN_OVER_HTTP = KNOWN.with_name("known-differences-over-http.txt")
# The cases whose tasks call services.
OVER_HTTP_AREAS = ("services", "error_handling", "credentials")
STRICT_MIN = 0.95


def compare(corpus: pathlib.Path, binary: str, folder: pathlib.Path, over_http: bool) -> list[dict]:
    report = folder / "report.json"
    areas = []
    command = f"{shlex.quote(binary)} run {{definition}} --input {{input}} --mock {{mock}} --history {{history}} --format json --fast-forward"
    if over_http:
        areas = [f"--area={area}" for area in OVER_HTTP_AREAS]
        program = [sys.executable, str(HERE / "replay.py"), binary]
        command = f"{shlex.join(program)} {{definition}} {{input}} {{history}}"
    subprocess.run(
        [sys.executable, corpus / "compare.py", "--cmd", command, "--report", report]
        + [*areas, "--jobs", str(os.cpu_count() or 2)],
        stdin=subprocess.DEVNULL,
        check=False,  # fails on any difference; the report tells more
    )
    if not report.exists():
        sys.exit("conformance: compare.py wrote no report")
    return json.loads(report.read_text())


def known_differences(path: pathlib.Path) -> set[str]:
    lines = (line.split(" # ")[0].strip() for line in path.read_text().splitlines())
    return {line for line in lines if line and not line.startswith(("#", "test_state/"))}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("binary")
    parser.add_argument("--over-http", action="store_true", help="serve what the tasks call instead of mocking it")
    options = parser.parse_args()
    corpus = options.corpus.resolve()

    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        outcomes = compare(corpus, str(pathlib.Path(options.binary).resolve()), pathlib.Path(folder), options.over_http)

    known_file = KNOWN_OVER_HTTP if options.over_http else KNOWN
    known = known_differences(known_file)
    wrong = [o["ident"] for o in outcomes if o["result"] == "failed"]
    ran = [o for o in outcomes if o["result"] != "skipped"]
    compared = [o for o in ran if o["strict"] != "skipped"]
    differing = {o["ident"] for o in compared if o["strict"] == "failed"}
    share = 1 - len(differing) / len(compared) if compared else 0

    print()
    print(f"skipped by compare.py (not for Express, not deterministic, not proven): {len(outcomes) - len(ran)}")
    print(f"results: {len(ran) - len(wrong)} of {len(ran)} right")
    print(f"histories: {len(compared) - len(differing)} of {len(compared)} right ({share:.1%})")

    excused = known if options.over_http else set()
    problems = [f"wrong result: {ident}" for ident in wrong if ident not in excused]
    problems += [f"history differs, not in {known_file.name}: {i}" for i in sorted(differing - known - set(wrong))]
    problems += [f"in {known_file.name}, but does not differ (any more): {i}" for i in sorted(known - differing)]
    if not ran:
        problems.append("no case was run")
    if share < STRICT_MIN and not options.over_http:
        problems.append(f"under {STRICT_MIN:.0%} of the histories are right")
    for problem in problems:
        print(f"FAIL {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
