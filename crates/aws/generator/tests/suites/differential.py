"""Cases for differential.rs: what botocore sends and reads for every operation of every service.

usage: differential.py > cases.jsonl    (with botocore of the version in tables/SOURCE)

Each line is a case in the form of botocore's protocol suites, with its service and operation. Values are made
up by a seeded generator: every operation once with the parameters it needs and once with many more, and one
answer each.
"""

import base64
import copy
import datetime
import io
import json
import random
import sys
import xml.etree.ElementTree as ET
from urllib.parse import quote, urlencode, urlsplit

import botocore.session
from botocore.awsrequest import HeadersDict, prepare_request_dict
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.response import StreamingBody
from botocore.serialize import create_serializer

RANDOM = random.Random(7)
MOMENT = datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone.utc)
TEXTS = ["abc", "a b/c+d?&=%~", "q\"'<>", "x,y", "é€😀"]
HEADER_TEXTS = ["abc", "x,y", "a b"]


def main():
    loader = botocore.session.Session().get_component("data_loader")
    for name in loader.list_available_services("service-2"):
        model = loader.load_service_model(name, "service-2")
        metadata = model["metadata"]
        if "json" in metadata.get("protocols", []):
            metadata["protocol"] = "json"
        if name == "s3":
            for operation in model["operations"].values():
                uri = operation["http"]["requestUri"]
                operation["http"]["requestUri"] = uri.removeprefix("/{Bucket}")
        service = ServiceModel(model, name)
        for operation_name in service.operation_names:
            operation = service.operation_model(operation_name)
            for case in [*requests(metadata["protocol"], operation), *answers(metadata["protocol"], operation)]:
                # botocore's parser leaves what it cannot read as an XML element.
                json.dump({"service": name, "operation": operation_name, **case}, sys.stdout, default=repr)
                sys.stdout.write("\n")


def requests(protocol, operation):
    if operation.input_shape and operation.has_event_stream_input:
        return
    serializer = create_serializer(protocol, include_validation=False)
    for is_full in [False, True]:
        value = make(operation.input_shape, 4, is_full) if operation.input_shape else {}
        request = serializer.serialize_to_request(copy.deepcopy(value), operation)
        prepare_request_dict(request, endpoint_url="https://h")
        body = request["body"]
        if isinstance(body, dict):
            body = urlencode(body, quote_via=quote)
        if isinstance(body, str):
            body = body.encode()
        if hasattr(body, "read"):
            body = body.read()
        address = urlsplit(request["url"])
        serialized = {
            "method": request["method"],
            "uri": address.path + ("?" + address.query if address.query else ""),
            "hostPrefix": address.netloc[:-1],
            "headers": {key: text(value) for key, value in request["headers"].items() if key != "User-Agent"},
            "body": wire(protocol, bytes(body or b"")),
        }
        yield {"params": parameters(operation.input_shape, value), "serialized": serialized}


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def wire(protocol, body):
    return base64.b64encode(body).decode() if "cbor" in protocol else body.decode()


def make(shape, depth, is_full):
    """A value of a shape; required members always, others at random."""
    kind = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return {"k": [1, "x", True, None]}
        members = list(shape.members.items())
        is_union = getattr(shape, "is_tagged_union", False)
        if is_union:
            members = [RANDOM.choice(members)]
        value = {}
        for name, member in members:
            is_needed = (
                is_union
                or name in shape.required_members
                or member.serialization.get("location") == "uri"
                or member.serialization.get("hostLabel")
                or "idempotencyToken" in member.metadata
            )
            if is_needed or is_full and depth > 0 and (depth > 2 or RANDOM.random() < 0.5):
                value[name] = make(member, depth - 1, is_full)
        return value
    in_header = shape.serialization.get("location") in ["header", "headers"]
    if kind == "list":
        return [make(shape.member, depth - 1, is_full) for _ in range(2 if depth > 0 else 1)] if depth > -3 else []
    if kind == "map":
        keys = ["k1"] if in_header or depth <= 0 else ["k1", "k é2"]
        return {key: make(shape.value, depth - 1, is_full) for key in keys} if depth > -3 else {}
    if kind == "string":
        if shape.serialization.get("jsonvalue"):
            return {"j": [1, "a"]}
        if shape.enum:
            return shape.enum[0]
        is_host = shape.serialization.get("hostLabel") or "hostLabel" in shape.metadata
        return "abc" if is_host else RANDOM.choice(HEADER_TEXTS if in_header else TEXTS)
    if kind == "timestamp":
        return MOMENT
    return RANDOM.choice(
        {
            "blob": [b"bytes", "é€".encode()],
            "boolean": [True, False],
            "integer": [0, 1, -5, 70000],
            "long": [0, 1, 2**40],
            "float": [0.5, 3.0, 1.25],
            "double": [0.5, 3.0, 1.25],
        }[kind]
    )


def parameters(shape, value):
    """A value as a definition would write it."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    kind = shape.type_name if shape else None
    if kind == "structure" and not shape.is_document_type:
        return {key(name): parameters(shape.members[name], member) for name, member in value.items()}
    if kind == "list":
        return [parameters(shape.member, item) for item in value]
    if kind == "map":
        return {name: parameters(shape.value, entry) for name, entry in value.items()}
    return value


def key(name):
    return "EqualsValue" if name == "equals" else name[0].upper() + name[1:]


def answers(protocol, operation):
    shape = operation.output_shape
    if not shape or operation.has_event_stream_output or "cbor" in protocol:
        return
    value = make(shape, 4, True)
    headers = {}
    body = answer_body(protocol, operation, shape, value, headers)
    parsed_body = body
    if operation.has_streaming_output and protocol.startswith("rest"):
        parsed_body = StreamingBody(io.BytesIO(body), len(body))
    status = operation.http.get("responseCode", 200)
    answer = {"headers": HeadersDict(headers), "status_code": status, "body": parsed_body}
    parsed = create_parser(protocol).parse(answer, shape)
    parsed.pop("ResponseMetadata")
    response = {"status_code": status, "headers": headers, "body": body.decode()}
    yield {"response": response, "result": result(parsed)}


def result(value):
    """A parsed value in the form of the suites."""
    if isinstance(value, dict):
        return {name: result(member) for name, member in value.items()}
    if isinstance(value, list):
        return [result(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, StreamingBody):
        return value.read().decode()
    return value


def answer_body(protocol, operation, shape, value, headers):
    if protocol == "json":
        return json.dumps(json_of(shape, value)).encode()
    if protocol in ["query", "ec2"]:
        root = ET.Element(operation.name + "Response")
        wrapper = shape.serialization.get("resultWrapper")
        xml_members(shape, value, ET.SubElement(root, wrapper) if wrapper else root)
        return ET.tostring(root)
    members = {}
    for name, member in value.items():
        member_shape = shape.members[name]
        location = member_shape.serialization.get("location")
        wire_name = member_shape.serialization.get("name", name)
        if location == "header":
            headers[wire_name] = header_of(member_shape, member)
        elif location == "headers":
            headers.update({wire_name + key: entry for key, entry in member.items()})
        elif location != "statusCode":
            members[name] = member
    payload = shape.serialization.get("payload")
    if payload:
        return payload_of(protocol, shape.members[payload], members.get(payload), payload)
    if protocol == "rest-json":
        return json.dumps(json_of(shape, members)).encode()
    root = ET.Element(operation.name + "Result")
    xml_members(shape, members, root)
    return ET.tostring(root)


def payload_of(protocol, shape, value, name):
    if value is None:
        return b""
    if shape.type_name in ["blob", "string"]:
        return value if isinstance(value, bytes) else value.encode()
    if protocol == "rest-json":
        return json.dumps(json_of(shape, value)).encode()
    root = ET.Element("root")
    xml_of(shape, value, root, shape.serialization.get("name", name))
    return ET.tostring(root[0])


def moment(shape, value, default):
    form = shape.serialization.get("timestampFormat", default)
    if form in ["unixTimestamp", "unix"]:
        return int(value.timestamp())
    return value.strftime("%a, %d %b %Y %H:%M:%S GMT" if form == "rfc822" else "%Y-%m-%dT%H:%M:%SZ")


def json_of(shape, value):
    kind = shape.type_name
    if kind == "structure" and not shape.is_document_type:
        members = {name: shape.members[name] for name in value}
        return {member.serialization.get("name", name): json_of(member, value[name]) for name, member in members.items()}
    if kind == "list":
        return [json_of(shape.member, item) for item in value]
    if kind == "map":
        return {name: json_of(shape.value, entry) for name, entry in value.items()}
    if kind == "blob":
        return base64.b64encode(value).decode()
    if kind == "timestamp":
        return moment(shape, value, "unix")
    return value


def header_of(shape, value):
    if shape.serialization.get("jsonvalue"):
        return base64.b64encode(json.dumps(value).encode()).decode()
    kind = shape.type_name
    if kind == "list":
        return ",".join(f'"{item}"' if "," in str(item) else header_of(shape.member, item) for item in value)
    if kind == "blob":
        return base64.b64encode(value).decode()
    if kind == "timestamp":
        return str(moment(shape, value, "rfc822"))
    return str(value).lower() if kind == "boolean" else str(value)


def xml_members(shape, value, parent):
    for name, member in value.items():
        member_shape = shape.members[name]
        wire_name = member_shape.serialization.get("name", name)
        if member_shape.serialization.get("xmlAttribute"):
            local = wire_name.split(":")[-1]
            parent.attrib["{http://www.w3.org/2001/XMLSchema-instance}" + local] = member
        else:
            xml_of(member_shape, member, parent, wire_name)


def xml_of(shape, value, parent, name):
    kind = shape.type_name
    is_flat = shape.serialization.get("flattened")
    if kind == "structure":
        xml_members(shape, value, ET.SubElement(parent, name))
    elif kind == "list":
        default = name if is_flat else "member"
        parent = parent if is_flat else ET.SubElement(parent, name)
        for item in value:
            xml_of(shape.member, item, parent, shape.member.serialization.get("name", default))
    elif kind == "map":
        parent = parent if is_flat else ET.SubElement(parent, name)
        for entry_key, entry in value.items():
            element = ET.SubElement(parent, name if is_flat else "entry")
            ET.SubElement(element, shape.key.serialization.get("name", "key")).text = entry_key
            xml_of(shape.value, entry, element, shape.value.serialization.get("name", "value"))
    else:
        element = ET.SubElement(parent, name)
        if kind == "blob":
            element.text = base64.b64encode(value).decode()
        elif kind == "timestamp":
            element.text = str(moment(shape, value, "iso8601"))
        else:
            element.text = str(value).lower() if kind == "boolean" else str(value)


if __name__ == "__main__":
    main()
