"""Kubernetes' own schemas, held against objects offline."""

from __future__ import annotations

from chart.helm import JsonObject
from kubernetes_validate import (  # type: ignore[import-untyped] # it ships no types
    SchemaNotFoundError,
    ValidationError,
    validate,
)


def mistake(found: JsonObject, kubernetes: str) -> str:
    """What a version of Kubernetes finds wrong with an object, unknown fields too; empty: nothing.

    Raises:
        LookupError: that version has no such kind.
    """
    try:
        validate(found, kubernetes, strict=True)
    except SchemaNotFoundError as error:
        raise LookupError(found["kind"]) from error
    except ValidationError as error:
        return str(error.message)
    return ""
