#!/usr/bin/env python3
"""Runs the commands of examples/order-fulfilment/README.md and checks what they print.

    example.py COMMAND...        for instance: example.py cargo run --quiet --
"""

import json
import pathlib
import subprocess
import sys

EXAMPLE = "examples/order-fulfilment"
DEFINITION = f"{EXAMPLE}/workflow.asl.json"
BAD_MESSAGE = "2e1424d4-f796-459a-8184-9c92662be6da"  # an order without items


def expressway(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([*sys.argv[1:], *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


def invoke(event: str) -> tuple[int, object]:
    code, text = expressway("invoke", DEFINITION, "--event", f"{EXAMPLE}/events/{event}.json", "--mock", f"{EXAMPLE}/mocks.json#HappyPath")
    try:
        return code, json.loads(text)
    except ValueError:
        sys.exit(f"invoke with {event}.json exits with {code} and prints no JSON document:\n{text}")


def run(test_case: str) -> tuple[int, str | None, str | None]:
    code, text = expressway(
        "run", DEFINITION, "--input", f"{EXAMPLE}/order.json", "--mock", f"{EXAMPLE}/mocks.json#{test_case}", "--fast-forward", "--format", "json"
    )
    try:
        answer = json.loads(text)
    except ValueError:
        sys.exit(f"run with {test_case} exits with {code} and prints no JSON document:\n{text}")
    return code, answer.get("status"), answer.get("error")


def main() -> int:
    failed = []

    def check(name: str, actual: object, expected: object) -> None:
        print(f"{'ok  ' if actual == expected else 'FAIL'} {name}")
        if actual != expected:
            failed.append(f"{name}: expected {expected}, got {actual}")

    code, answer = invoke("api-gateway")
    check("HTTP request: status", (code, answer.get("statusCode")), (0, 200))
    check("HTTP request: body", json.loads(answer.get("body") or "{}").get("status"), "CONFIRMED")
    code, _ = invoke("eventbridge")
    check("EventBridge event", code, 0)
    code, answer = invoke("sqs")
    check("SQS batch", (code, answer), (0, {"batchItemFailures": [{"itemIdentifier": BAD_MESSAGE}]}))

    check("HappyPath", run("HappyPath"), (0, "SUCCEEDED", None))
    check("PaymentRetried", run("PaymentRetried"), (0, "SUCCEEDED", None))
    check("PaymentFailedCompensated", run("PaymentFailedCompensated"), (1, "FAILED", "PaymentFailed"))
    check("FraudSuspected", run("FraudSuspected"), (1, "FAILED", "OrderRejected"))
    check("validate", expressway("validate", DEFINITION)[0], 0)

    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
