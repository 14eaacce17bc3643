#!/usr/bin/env python3
"""Runs one recorded case with its services served over HTTP, for compare.py of the recorded cases.

    replay.py BINARY DEFINITION INPUT HISTORY        (the case: the file that ASL_CORPUS_CASE names)

What a mock would return becomes the answer of a service on loopback: of the same bytes as AWS's where they are known,
else as moto's serializers write it from botocore's models. The binary runs with no mocks, so that the very clients of
the Lambda function make the requests and read the answers. Needs the packages of .ci/requirements.txt.
"""

import datetime
import json
import os
import re
import subprocess
import sys
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from botocore.loaders import Loader
from moto.core.model import ServiceModel
from moto.core.serialize import get_serializer_class

# Services by what resources and signatures call them.
MODELS = {"sfn": "stepfunctions", "states": "stepfunctions", "eventbridge": "events", "execute-api": "apigateway"}
# A recorded result holds placeholders instead of moments.
MOMENT = datetime.datetime(2123, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc)
# The answer to whoever assumes a role for a task.
ROLE = {
    "Credentials": {"AccessKeyId": "AKIDROLE", "SecretAccessKey": "secret", "SessionToken": "token", "Expiration": ""},
    "AssumedRoleUser": {"AssumedRoleId": "id:session", "Arn": "arn:aws:sts::222222222222:assumed-role/role/session"},
}
METADATA = ("SdkHttpMetadata", "SdkResponseMetadata")
FAILURE = re.compile(
    r"(?P<message>.*) \(Service: (?P<service>\w+)[,;] Status Code: (?P<status>\d+)"
    r"(?:; Error Code: (?P<code>\w+))?[,;] Request ID: .*\)",
    re.DOTALL,
)


class Unservable(Exception):
    """A mocked outcome of which no answer of a service can be made."""


class Answer:
    def __init__(self, body: bytes | str, status: int = 200, headers: dict | None = None):
        self.body = body.encode() if isinstance(body, str) else body
        self.status = status
        self.headers = {"Content-Type": "application/json", **(headers or {})}


# ------------------------------------------------------------------ whose answer comes next


def tasks_of(definition: dict):
    """All Task states with their names, in the order in which they are visited where nothing fails."""
    seen, names = set(), [definition["StartAt"]]
    states = definition["States"]
    while names:
        name = names.pop(0)
        if name in seen or name not in states:
            continue
        seen.add(name)
        state = states[name]
        if state["Type"] == "Task":
            yield name, state
        for inner in [*state.get("Branches", []), state.get("ItemProcessor"), state.get("Iterator")]:
            if inner:
                yield from tasks_of(inner)
        nexts = [state.get("Next"), state.get("Default")]
        nexts += [rule.get("Next") for rule in [*state.get("Choices", []), *state.get("Catch", [])]]
        names[:0] = [name for name in nexts if name]


def target_of(resource: str) -> tuple[str, str]:
    """Service and operation of a resource, as botocore names them."""
    *_, service, action = resource.split(":")
    if ":lambda:" in resource and ":states:" not in resource or service == "lambda":
        return "lambda", "Invoke"
    return MODELS.get(service, service), action[:1].upper() + action[1:]


class Case:
    def __init__(self, case: dict):
        self.outcomes: dict[tuple[str, str], list] = {}
        for name, state in tasks_of(case["definition"]):
            outcomes = case["mocks"].get(name, [])
            self.outcomes.setdefault(target_of(state["Resource"]), []).extend((state, o) for o in outcomes)
        self.lock = threading.Lock()
        self.problems: list[str] = []

    def answer(self, service: str, operation: str) -> Answer:
        if (service, operation) == ("sts", "AssumeRole"):
            return success(service, operation, ROLE)
        with self.lock:
            waiting = self.outcomes.get((service, operation))
            if not waiting:
                raise Unservable(f"no outcome is left for {service}:{operation}")
            state, outcome = waiting.pop(0)
        if service == "apigateway":
            return gateway_answer(outcome)
        if "Throw" in outcome:
            return failure(service, operation, **outcome["Throw"])
        if service == "lambda":
            is_service = state["Resource"].startswith("arn:aws:states:::lambda:invoke")
            return lambda_answer(outcome["Return"], is_service)
        return success(service, operation, outcome["Return"])


# ------------------------------------------------------------------ answers


def model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def protocol(described: ServiceModel) -> str:
    protocols = described.metadata.get("protocols", [described.metadata["protocol"]])
    return next(p for p in ("json", "rest-json", "query", "rest-xml", "ec2") if p in protocols)


def recorded_headers(result: dict) -> dict:
    headers = result.get("SdkHttpMetadata", {}).get("HttpHeaders", {})
    return {name: formatdate(usegmt=True) if name.lower() == "date" else value for name, value in headers.items()}


def stretched(answer: Answer) -> Answer:
    """The answer in the length that was recorded, with blanks at its end."""
    length = next((v for k, v in answer.headers.items() if k.lower() == "content-length"), None)
    if length is not None and len(answer.body) < int(length):
        answer.body = answer.body.ljust(int(length))
    answer.headers = {k: v for k, v in answer.headers.items() if k.lower() not in ("content-length", "connection", "date")}
    return answer


def wire(value, shape):
    """A value of a result, with the model's names and types."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = {name.lower(): name for name in shape.members}
        pairs = ((members[key.lower()], inner) for key, inner in value.items() if key.lower() in members)
        return {name: wire(inner, shape.members[name]) for name, inner in pairs}
    if shape.type_name == "list" and isinstance(value, list):
        return [wire(inner, shape.member) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: wire(inner, shape.value) for key, inner in value.items()}
    if shape.type_name == "timestamp":
        return MOMENT
    if shape.type_name == "blob":
        return value.encode()
    return value


def success(service: str, operation: str, result: dict) -> Answer:
    described = model(service)
    operation_model = described.operation_model(operation)
    plain = {key: value for key, value in result.items() if key not in METADATA}
    if operation_model.output_shape:
        plain = wire(plain, operation_model.output_shape)
    written = get_serializer_class(service, protocol(described))(operation_model).serialize(plain)
    body = written["body"]
    if protocol(described) == "json" and body:
        # As short as services write it.
        body = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)
    headers = {"x-amzn-RequestId": "r-1", **written["headers"]}
    if "ContentType" in plain:
        headers["Content-Type"] = plain["ContentType"]
    recorded = recorded_headers(result)
    if recorded:
        headers = recorded
    return stretched(Answer(body, written["status_code"], headers))


def failure(service: str, operation: str, Error: str, Cause: str = "") -> Answer:  # noqa: N803 - as mocks name them
    if Error == "States.DataLimitExceeded":
        # Few enough characters, too many bytes.
        return Answer(json.dumps("\u00e4" * 140_000, ensure_ascii=False))
    if Error == "EventBridge.FailedEntry":
        return success(service, operation, json.loads(Cause))
    match = FAILURE.fullmatch(Cause)
    if not match:
        if service == "lambda":
            return Answer(Cause, headers={"X-Amz-Function-Error": "Unhandled"})
        raise Unservable(f"{Error}: {Cause}")
    status, code = int(match["status"]), match["code"]
    described = model(service)
    if code is None:
        name = Error.split(".")[1]
        shapes = described.operation_model(operation).error_shapes
        named = {n: s for s in shapes for n in (s.name, s.name + "Exception")}
        code = named[name].error_code if name in named else "ValidationException"
    message, kind = match["message"], protocol(described)
    if kind in ("json", "rest-json"):
        key = "Message" if service == "lambda" else "message"
        body = json.dumps({"__type": f"com.amazonaws#{code}", key: message})
        return Answer(body, status, {"x-amzn-RequestId": "r-1", "x-amzn-ErrorType": code})
    text = message.replace("&", "&amp;").replace("<", "&lt;")
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
    if service != "s3":
        error = f"<ErrorResponse>{error}<RequestId>r-1</RequestId></ErrorResponse>"
    return Answer(error, status, {"Content-Type": "text/xml", "x-amz-request-id": "r-1", "x-amz-id-2": "e-1"})


def lambda_answer(result, is_service: bool) -> Answer:
    if not is_service:
        return Answer(json.dumps(result, separators=(",", ":")))
    headers = recorded_headers(result)
    length = int(headers.get("Content-Length", 0))
    payload = result["Payload"]
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
    if isinstance(payload, str) and len(body.encode()) != length and len(payload.encode()) == length:
        body = payload
    return stretched(Answer(body, result["StatusCode"], headers))


def gateway_answer(outcome: dict) -> Answer:
    if "Throw" in outcome:
        raise Unservable(str(outcome["Throw"]))
    result = outcome["Return"]
    headers = {name: value[0] if isinstance(value, list) else value for name, value in result["Headers"].items()}
    length = int(headers.get("Content-Length", 0))
    payload = result["ResponseBody"]
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
    if isinstance(payload, str) and len(body.encode()) != length:
        body = payload
    return stretched(Answer(body, result["StatusCode"], headers))


# ------------------------------------------------------------------ the server


def target_of_request(request: BaseHTTPRequestHandler, body: bytes) -> tuple[str, str]:
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", request.headers.get("Authorization", ""))
    path = urlsplit(request.path).path
    if not scope or scope[1] == "execute-api":
        return "apigateway", "Invoke"
    service = MODELS.get(scope[1], scope[1])
    if "X-Amz-Target" in request.headers:
        return service, request.headers["X-Amz-Target"].split(".")[-1]
    if service == "lambda":
        return service, "Invoke"
    if service == "s3":
        has_key = path.strip("/").count("/") > 0
        return service, {"PUT": "PutObject"}.get(request.command, "GetObject" if has_key else "ListObjects")
    return service, parse_qs(body.decode())["Action"][0]


def handler(case: Case):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else answers wait for the client's acknowledgement of their head.
        wbufsize = -1

        def serve(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                answer = case.answer(*target_of_request(self, body))
            except Exception as problem:  # noqa: BLE001 - whatever it is, the case is not right
                case.problems.append(f"{self.command} {self.path}: {problem!r}")
                answer = Answer("{}", 418)
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Date", formatdate(usegmt=True))
            self.send_header("Connection", "keep-alive")
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = serve

        def log_message(self, *_):
            pass

    return Handler


def main() -> int:
    binary, definition, given, history = sys.argv[1:]
    with open(os.environ["ASL_CORPUS_CASE"]) as file:
        case = Case(json.load(file))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(case))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIDTEST",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "PATH": os.environ["PATH"],
    }
    # APIs stand in the input by their host's name.
    with open(given) as file:
        text = re.sub(r"\w+\.execute-api\.[\w-]+\.amazonaws\.com", f"127.0.0.1:{server.server_port}", file.read())
    with open(given, "w") as file:
        file.write(text)
    done = subprocess.run(
        [binary, "run", definition, "--input", given, "--history", history, "--format", "json"],
        stdin=subprocess.DEVNULL,
        env=environment,
        check=False,
    )
    left = [f"{service}:{operation} was not called" for (service, operation), left in case.outcomes.items() if left]
    for problem in case.problems + left:
        print(f"replay: {problem}", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
