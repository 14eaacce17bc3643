#!/usr/bin/env python3
"""Runs the commands of examples/order-fulfilment/README.md and checks what they print.

    example.py COMMAND...        for instance: example.py cargo run --quiet --
"""

import json
import pathlib
import subprocess
import sys
import tempfile

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


def local(card: str, *more: str) -> tuple[int, str | None, str | None, str]:
    """Runs with stand-ins for AWS, and gives the output or the error, and what was changed."""
    order = json.loads(pathlib.Path(f"{EXAMPLE}/order.json").read_text())
    order["payment"]["token"] = card
    done = subprocess.run(
        [*sys.argv[1:], "run", DEFINITION, "--input", json.dumps(order), "--local", "--fast-forward", "--format", "json", *more],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"run --local exits with {done.returncode} and prints no JSON document:\n{done.stdout}{done.stderr}")
    return done.returncode, answer.get("output"), answer.get("error"), done.stderr


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
    code, output, _, changed = local("tok_4f9a2c61")
    check("--local: output", (code, json.loads(output or "{}").get("total")), (0, 72.4))
    for line in ("dynamodb", "shipping.fifo", "notifications", "Order Confirmed from shop.fulfilment", "bookkeeping"):
        check(f"--local: {line}", line in changed, True)
    code, _, error, changed = local("tok_declined")
    check("--local: declined", (code, error, "Changed" in changed), (1, "PaymentFailed", False))
    with tempfile.TemporaryDirectory() as state:
        local("tok_4f9a2c61", "--state", state)
        code, _, _, changed = local("tok_4f9a2c61", "--state", state)
        check("--local: stored once", (code, "dynamodb" in changed, "shipping" in changed), (0, False, False))
    check("validate", expressway("validate", DEFINITION)[0], 0)

    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
