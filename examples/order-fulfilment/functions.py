#!/usr/bin/env python3
"""The functions that the workflow calls, for runs on this machine: an event on standard input, the result on
standard output. `functions.py NAME` is the function NAME.

A card whose token is tok_declined is declined, a customer called Mallory is refused, and there are no tents.
"""

import json
import sys

CATALOGUE = {"LAMP-07": 39.9, "BULB-E27": 4.5, "CABLE-3M": 7.25, "DESK-12": 249.0, "TENT-2P": 129.0}
OUT_OF_STOCK = {"TENT-2P"}


class FunctionError(Exception):
    def __init__(self, name: str, message: str):
        super().__init__(message)
        self.name = name


def validate(order: dict) -> dict:
    problems = [f"{item['sku']}: no such article" for item in order["items"] if item["sku"] not in CATALOGUE]
    problems += [f"{item['sku']}: a quantity must be at least 1" for item in order["items"] if item["quantity"] < 1]
    return {"valid": not problems, "problems": problems}


def reserve(event: dict) -> dict:
    missing = [item["sku"] for item in event["items"] if item["sku"] in OUT_OF_STOCK]
    return {"available": not missing, "missing": missing}


def release(event: dict) -> dict:
    return {"released": True}


def fraud(event: dict) -> dict:
    suspicious = event["customer"].get("name") == "Mallory"
    return {"decision": "REJECT" if suspicious else "ACCEPT", "score": 97 if suspicious else 4}


def price(event: dict) -> dict:
    item = event["item"]
    return {"amount": round(CATALOGUE[item["sku"]] * item["quantity"], 2)}


def charge(event: dict) -> dict:
    if event["token"] == "tok_declined":
        raise FunctionError("CardDeclined", "insufficient funds")
    amount = sum(line["price"]["amount"] for line in event["lines"])
    return {"chargeId": f"ch_{event['idempotencyKey']}", "amount": round(amount, 2)}


def notify(event: dict) -> dict:
    return {"messageId": f"notice-{event['orderId']}"}


def confirm(event: dict) -> dict:
    return {"number": f"CNF-{event['orderId'].removeprefix('ORD-')}"}


FUNCTIONS = {function.__name__: function for function in (validate, reserve, release, fraud, price, charge, notify, confirm)}


def main() -> int:
    try:
        result = FUNCTIONS[sys.argv[1]](json.load(sys.stdin))
    except FunctionError as error:
        print(json.dumps({"errorType": error.name, "errorMessage": str(error)}))
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
