#!/usr/bin/env python3
"""Prints the CloudFormation template that a SAM template becomes, without AWS.

    translate.py template.yaml > translated.json

cfn-lint sees more in this output than in the SAM template: what the translator generates, and the
references inside a function's events.
"""

import json
import logging
import os
import pathlib
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

logging.getLogger("samtranslator").setLevel(logging.ERROR)

LOCAL_FOLDERS = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


class NoManagedPolicies:
    """Stands in for the list that the translator would ask IAM for."""

    def load(self):
        return {}


def translate(source: str) -> dict:
    """Raises ValueError with every error that the translator found."""
    template = yaml_parse(source)
    for resource in template["Resources"].values():
        field = LOCAL_FOLDERS.get(resource["Type"])
        if field:  # `sam package` would have uploaded the folder
            resource["Properties"][field] = "s3://bucket/key"
    try:
        return transform(template, {}, NoManagedPolicies())
    except InvalidDocumentException as problem:
        raise ValueError("; ".join(cause.message for cause in problem.causes)) from problem


if __name__ == "__main__":
    try:
        print(json.dumps(translate(pathlib.Path(sys.argv[1]).read_text()), indent=1))
    except ValueError as problem:
        sys.exit(f"{sys.argv[1]}: {problem}")
