#!/usr/bin/env python3
"""Writes what the fuzz targets start from, to corpus/ beside this file: the definitions, inputs and expressions
of the examples and, if it is given, of a corpus of recorded cases.

    seeds.py [CORPUS]
"""

import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent


def write(target: str, text: str) -> None:
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def with_document(expression: str, document: str) -> str:
    return expression.replace("\n", " ") + "\n" + document


def definition_and_input(definition: dict, document: str) -> None:
    write("definition", json.dumps(definition))
    write("definition", "\n".join(yaml(definition)) + "\n")
    write("document", document)
    expressions(definition, document)


def expressions(value: object, document: str) -> None:
    """All paths, intrinsic functions, templates and JSONata expressions in a definition."""
    if isinstance(value, list):
        for item in value:
            expressions(item, document)
    elif isinstance(value, dict):
        if any(key.endswith(".$") for key in value):
            write("template", with_document(document, json.dumps(value)))
        for member in value.values():
            expressions(member, document)
    elif isinstance(value, str):
        if value.startswith("$"):
            write("path", with_document(value, document))
        elif value.startswith("States.") and value.endswith(")"):
            write("intrinsic", with_document(value, document))
        elif value.startswith("{%"):
            write("jsonata", with_document(value[2:-2].strip(), document))


def yaml(value: object, indent: str = "") -> list[str]:
    """Objects as block mappings, the rest as JSON, which is YAML."""
    if not isinstance(value, dict) or not value:
        return [indent + json.dumps(value)]
    lines = []
    for key, member in value.items():
        if isinstance(member, dict) and member:
            lines += [f"{indent}{json.dumps(key)}:", *yaml(member, indent + "  ")]
        else:
            lines.append(f"{indent}{json.dumps(key)}: {json.dumps(member)}")
    return lines


def main() -> None:
    for path in (HERE.parent / "examples").glob("*/workflow.asl.json"):
        write("definition", path.read_text())
        definition_and_input(json.loads(path.read_text()), path.with_name("order.json").read_text())
    if len(sys.argv) > 1:
        for path in pathlib.Path(sys.argv[1]).joinpath("cases").rglob("*.json"):
            case = json.loads(path.read_text())
            definition_and_input(case["definition"], json.dumps(case["input"]))
    for folder in sorted((HERE / "corpus").iterdir()):
        print(f"{folder.name}: {len(list(folder.iterdir()))} seeds")


if __name__ == "__main__":
    main()
