#!/usr/bin/env python3
"""Holds `expressway validate` against a corpus of recorded cases.

    validation.py CORPUS BINARY

Every definition that ran in the corpus must be accepted, and every definition that the service refused must be
refused with the service's code, message and location among the findings.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

REFUSED = re.compile(r"Invalid State Machine Definition: '(.*)'$", re.DOTALL)


def findings(binary: str, text: str) -> list[dict]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([binary, "validate", "--format", "json", file.name], capture_output=True, text=True)
    answer = json.loads(done.stdout)
    if (answer["result"] == "OK") != (done.returncode == 0):
        sys.exit(f"exit status {done.returncode} with result {answer['result']}")
    return answer["diagnostics"]


def worded(finding: dict) -> str:
    """A finding as CreateStateMachine words it."""
    at = f" at {finding['location']}" if "location" in finding else ""
    return f"{finding['code']}: {finding['message']}{at}"


def expected(case: dict) -> str | None:
    """What the service said against a definition, worded; the empty text if it accepted it."""
    recorded = case["recorded"]
    if "diagnostics" in recorded:
        return ", ".join(worded(finding) for finding in recorded["diagnostics"])
    said = recorded.get("exception_value") or recorded.get("message") or ""
    refused = REFUSED.search(said)
    return refused[1] if refused else None


def main() -> int:
    corpus, binary = pathlib.Path(sys.argv[1]), sys.argv[2]
    passed, failures = 0, []

    def check(name: str, problem: str | None) -> None:
        nonlocal passed
        if problem:
            failures.append(f"{name}: {problem}")
        else:
            passed += 1

    for path in sorted((corpus / "cases").rglob("*.json")):
        case = json.loads(path.read_text())
        if not case.get("express_applicable", True):
            continue
        errors = [f for f in findings(binary, json.dumps(case["definition"])) if f["severity"] == "ERROR"]
        check(path.name, f"refused: {worded(errors[0])}" if errors else None)

    for path in sorted((corpus / "validation").glob("*.json")):
        case = json.loads(path.read_text())
        want = expected(case)
        if want is None:
            continue  # about a request, not about a definition
        text = case.get("definition_text") or json.dumps(case["definition"])
        found = findings(binary, text)
        if not want:
            check(path.name, f"refused: {worded(found[0])}" if found else None)
            continue
        pattern = re.sub(r"<[^>]*>", ".*", re.escape(want).replace(r"\<", "<").replace(r"\>", ">"))
        is_found = any(re.fullmatch(pattern, worded(finding)) for finding in found)
        check(path.name, None if is_found else f"expected {want}, got {[worded(f) for f in found]}")

    print("\n".join(f"FAIL {failure}" for failure in failures))
    print(f"validation: {passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
