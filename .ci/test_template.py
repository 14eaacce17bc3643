#!/usr/bin/env python3
"""Checks template.yaml and the templates of infra, and that the check would see mistakes.

Each mistake below is made in a copy of template.yaml and must be noticed. Linting template.yaml as
it stands misses most of them.
"""

import json
import pathlib
import re
import sys

from cfnlint.api import lint
from samtranslator.yaml_helper import yaml_parse

from translate import translate

ROOT = pathlib.Path(__file__).resolve().parent.parent

MISTAKES = [
    ("  Architectures: [arm64]", "  Architectures: [arm65]"),
    ("Runtime: provided.al2023", "Runtime: nodejs99"),
    ("BatchSize: 10\n", "BatchSize: 100000\n"),
    ("Type: SQS\n          Properties", "Type: SQSS\n          Properties"),
    ("Queue: !GetAtt OrdersQueue.Arn", "Queue: !GetAtt OrderQueue.Arn"),
    ("Arn: !GetAtt EventsDeadLetterQueue.Arn", "Arn: !GetAtt EventsDeadLetterQueue.Arm"),
    ("ApiId: !Ref HttpApi", "ApiId: !Ref HttpsApi"),
    ("EventBusName: !Ref EventBusName", "EventBusName: !Ref EventsBusName"),
    ("FunctionResponseTypes: [ReportBatchItemFailures]", "FunctionResponseTypes: [ReportBatchItemFailure]"),
    ("MaximumConcurrency: !Ref QueueConcurrency", "MaximumConcurrency: 1"),
    ("LogFormat: Text", "LogFormat: Plain"),
    ("!GetAtt ExpresswayFunctionOrderPlaced.Arn", "!GetAtt ExpresswayFunctionOrderPlacd.Arn"),
    ("Role: !GetAtt FunctionRole.Arn", "Roll: !GetAtt FunctionRole.Arn"),
    ("MaximumRetryAttempts: 2", "MaximumRetryAttempts: 3"),
    ("EXPRESSWAY_BUCKET: !If [HasBucket, !Ref PayloadsBucket,", "EXPRESSWAY_BUCKET: !If [HasBucket, !Ref PayloadBucket,"),
    ("SSEAlgorithm: AES256", "SSEAlgorithm: AES265"),
    ("RestrictPublicBuckets: true", "RestrictPublicBucket: true"),
    ("${PayloadsBucket.Arn}/payloads/*", "${PayloadBucket.Arn}/payloads/*"),
    ("- AttributeName: sk\n          AttributeType: S", "- AttributeName: sort\n          AttributeType: S"),
    ("!GetAtt ExecutionsTable.Arn", "!GetAtt ExecutionTable.Arn"),
    ("DestinationArn: !GetAtt AccessLogGroup.Arn", "DestinationArn: !GetAtt AccesLogGroup.Arn"),
    ("ReservedConcurrentExecutions: !If", "ReservedConcurrentExecution: !If"),
    ("!If [HasReservedConcurrency, !Ref ReservedConcurrency,", "!If [HasReservedConcurency, !Ref ReservedConcurrency,"),
    ("AttributeName: expires_at\n        Enabled: true", "AttributeName: expires_at\n        Enable: true"),
]


def findings(source: str) -> list[str]:
    try:
        translated = json.dumps(translate(source))
    except ValueError as problem:
        return [str(problem)]
    return [f"{match.rule.id} {match.message}" for match in lint(translated)]


def json_in_templates() -> list[str]:
    """The JSON texts that CloudFormation takes for mere strings, with every `${...}` as a number."""
    function = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]["ExpresswayFunction"]
    variables = function["Properties"]["Environment"]["Variables"]
    dashboard = yaml_parse((ROOT / "infra/monitoring.yaml").read_text())["Resources"]["Dashboard"]
    texts = {
        "EXPRESSWAY_SUBSTITUTIONS": variables["EXPRESSWAY_SUBSTITUTIONS"]["Fn::Sub"],
        "EXPRESSWAY_HTTP_ERRORS": variables["EXPRESSWAY_HTTP_ERRORS"],
        "EXPRESSWAY_RETRY_BACKOFF": variables["EXPRESSWAY_RETRY_BACKOFF"],
        "DashboardBody": dashboard["Properties"]["DashboardBody"]["Fn::Sub"],
    }
    wrong = []
    for name, text in texts.items():
        try:
            json.loads(re.sub(r"\$\{[^}]+\}", "1", text))
        except ValueError as problem:
            wrong.append(f"{name} is not JSON: {problem}")
    used = set(re.findall(r"\$\{(\w+)\}", (ROOT / "examples/order-fulfilment/workflow.asl.json").read_text()))
    given = set(re.findall(r'"(\w+)":', texts["EXPRESSWAY_SUBSTITUTIONS"]))
    if used != given:
        wrong.append(f"EXPRESSWAY_SUBSTITUTIONS differs from what the definition uses: {sorted(used ^ given)}")
    return wrong


def leaks() -> list[str]:
    """What lets one stack reach what is another's, though every template is valid."""
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    variables = resources["ExpresswayFunction"]["Properties"]["Environment"]["Variables"]
    [policy] = resources["FunctionRole"]["Properties"]["Policies"]
    statements = [
        statement["Fn::If"][1] if "Fn::If" in statement else statement
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    [records] = [statement for statement in statements if statement["Sid"] == "KeepExecutions"]
    wrong = []
    machine = variables["EXPRESSWAY_STATE_MACHINE_NAME"]["Ref"]
    arn = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${%s}#*" % machine
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": {"Fn::Sub": arn}}}
    if records.get("Condition") != condition:
        wrong.append(f"the role reaches records of other state machines: {records.get('Condition')}")
    # What an operator does with records is allowed to the operator alone.
    sources = [path for path in (ROOT / "crates/durability/src").rglob("*.rs") if path.name != "operator.rs"]
    calls = re.findall(r"\.(put_item|get_item|update_item|delete_item|query|scan)\(\)", "".join(map(pathlib.Path.read_text, sources)))
    needed = {"dynamodb:" + call.title().replace("_", "") for call in calls}
    if set(records["Action"]) != needed:
        wrong.append(f"the role's actions on the table are not those that records need: {sorted(needed)}")
    queue = resources["OrdersQueue"]["Properties"]["QueueName"]["Fn::Sub"]
    allowed = resources["OrdersDeadLetterQueue"]["Properties"]["RedriveAllowPolicy"]
    sources = [source["Fn::Sub"] for source in allowed["sourceQueueArns"]]
    if (allowed["redrivePermission"], sources) != (
        "byQueue",
        ["arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:" + queue],
    ):
        wrong.append(f"the dead-letter queue is open to other queues, or closed to its own: {allowed}")
    json.loads(resources["HttpApi"]["Properties"]["AccessLogSettings"]["Format"])
    return wrong


def main() -> int:
    passed, failed = 0, []

    def check(name: str, fine: bool, why: object = "") -> None:
        nonlocal passed
        passed += fine
        if not fine:
            failed.append(f"{name}: {why}")

    source = (ROOT / "template.yaml").read_text()
    found = findings(source)
    check("template.yaml", not found, found)
    for name in ["infra/monitoring.yaml", "infra/table.yaml"]:
        found = [f"{match.rule.id} {match.message}" for match in lint((ROOT / name).read_text())]
        check(name, not found, found)
    found = json_in_templates()
    check("JSON texts", not found, found)
    found = leaks()
    check("what one stack reaches", not found, found)
    for right, wrong in MISTAKES:
        check(f"mistake {wrong!r}", source.count(right) == 1, f"{right!r} must be there once")
        check(f"mistake {wrong!r}", any(not f.startswith("W") for f in findings(source.replace(right, wrong))), "was not noticed")
    for line in failed:
        print(f"FAIL {line}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
