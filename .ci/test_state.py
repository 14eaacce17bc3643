#!/usr/bin/env python3
"""Holds `expressway test-state` and `expressway describe` against recorded answers of TestState and DescribeStateMachine.

    test_state.py CORPUS BINARY

CORPUS is a folder with test_state/ and variable_references/. The run fails when

- under 98 % of the answers of TestState are equal, or those that differ are not exactly those in
  tests/conformance/known-differences.txt, or
- any `variableReferences` differs.
"""

import concurrent.futures
import contextlib
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

KNOWN = pathlib.Path(__file__).resolve().parent.parent / "tests/conformance/known-differences.txt"
SHARE_MIN = 0.98
REFUSED = re.compile(r"An error occurred \((\w+)\) when calling the TestState operation: (.*)$", re.DOTALL)

# The recorder wrote this over a variable's name, everywhere in the file.
RECORDER_WROTE_OVER = {'"TimestampPath": "timestamp"': '"TimestampPath": "$startAt"'}


def known_differences() -> set[str]:
    lines = (line.split(" # ")[0].strip() for line in KNOWN.read_text().splitlines())
    return {line for line in lines if line.startswith("test_state/")}


def parsed(value: object) -> object:
    """What a JSON text holds; what is no such text as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def matches(expected: object, actual: object, placeholders: dict) -> bool:
    if isinstance(expected, str) and expected in placeholders["values"]:
        return True
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(matches(expected[key], actual[key], placeholders) for key in expected)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(matches, expected, actual, [placeholders] * len(expected)))
    if isinstance(expected, str) and isinstance(actual, str):
        pattern = re.escape(expected)
        for token in placeholders["text"]:
            pattern = pattern.replace(re.escape(token), ".*")
        return re.fullmatch(pattern, actual, re.DOTALL) is not None
    return type(expected) is type(actual) and expected == actual


def comparable(answer: dict) -> dict:
    """An answer with its JSON texts parsed; a refusal as `{"exception", "message"}`."""
    if "__type" in answer:
        return {"exception": answer["__type"], "message": answer["message"]}
    if "Error" in answer:
        return {"exception": answer["Error"]["Code"], "message": answer["Error"]["Message"]}
    if "exception_value" in answer:
        exception, message = REFUSED.match(answer["exception_value"]).groups()
        return {"exception": exception, "message": message}
    answer = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    if "output" in answer:
        answer["output"] = parsed(answer["output"])
    if "inspectionData" in answer:
        answer["inspectionData"] = {key: parsed(value) for key, value in answer["inspectionData"].items()}
    return answer


@contextlib.contextmanager
def lambda_service(recorded: dict):
    """Lambda as it answered when the case was recorded; for cases whose task is not mocked."""
    output = parsed(recorded.get("output"))
    is_invocation = isinstance(output, dict) and "AllHttpHeaders" in output.get("SdkHttpMetadata", {})
    payload = output["Payload"] if is_invocation else output
    headers = output["SdkHttpMetadata"]["AllHttpHeaders"] if is_invocation else {}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(payload).encode()
            self.send_response_only(200)
            for name, values in headers.items():
                if name.lower() != "content-length":
                    self.send_header(name, values[0])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_state(binary: str, case: dict) -> dict:
    request = case["request"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as definition, lambda_service(case["recorded"]) as endpoint:
        definition.write(request["definition"])
        definition.flush()
        command = [binary, "test-state", definition.name, "--format", "json", "--inspection", request.get("inspectionLevel", "INFO")]
        for option in ["stateName", "input", "variables", "context", "mock", "stateConfiguration", "roleArn"]:
            if option not in request:
                continue
            value = request[option]
            name = {"stateName": "state", "stateConfiguration": "state-configuration", "roleArn": "role-arn"}.get(option, option)
            command += [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_ENDPOINT_URL_LAMBDA": endpoint,
        }
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return {"__type": "no answer", "message": done.stdout + done.stderr}


def variable_references(binary: str, case: dict) -> object:
    text = json.dumps(case["definition"])
    for wrong, right in RECORDER_WROTE_OVER.items():
        text = text.replace(wrong, right)
    done = subprocess.run(
        [binary, "describe", "-", "--format", "json"], input=text, capture_output=True, text=True, check=False
    )
    try:
        return json.loads(done.stdout)["variableReferences"]
    except (ValueError, KeyError):
        return done.stdout + done.stderr


def main() -> int:
    corpus, binary = pathlib.Path(sys.argv[1]), str(pathlib.Path(sys.argv[2]).resolve())
    problems = []

    cases = {f"test_state/{path.name}": json.loads(path.read_text()) for path in sorted((corpus / "test_state").glob("*.json"))}
    cases = {name: case for name, case in cases.items() if case["aws_validated"]}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        answers = dict(zip(cases, pool.map(lambda case: test_state(binary, case), cases.values())))
    differing = {}
    for name, case in cases.items():
        expected, actual = comparable(case["recorded"]), comparable(answers[name])
        if not matches(expected, actual, case["placeholders"]):
            differing[name] = f"expected {json.dumps(expected)}\n  got      {json.dumps(actual)}"
    known = known_differences()
    share = 1 - len(differing) / len(cases) if cases else 0
    print(f"TestState: {len(cases) - len(differing)} of {len(cases)} answers equal ({share:.1%})")
    problems += [f"{name}: {text}" for name, text in differing.items() if name not in known]
    problems += [f"in {KNOWN.name}, but does not differ (any more): {name}" for name in sorted(known - differing.keys())]
    if share < SHARE_MIN:
        problems.append(f"under {SHARE_MIN:.0%} of the answers are equal")

    equal, paths = 0, sorted((corpus / "variable_references").glob("*.json"))
    for path in paths:
        case = json.loads(path.read_text())
        actual = variable_references(binary, case)
        if actual == case["recorded"]:
            equal += 1
        else:
            problems.append(f"variable_references/{path.name}: expected {json.dumps(case['recorded'])}, got {actual}")
    print(f"variable references: {equal} of {len(paths)} equal")

    for problem in problems:
        print(f"FAIL {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
