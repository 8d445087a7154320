"""Offline validation of objects with the schemas of Kubernetes."""

from __future__ import annotations

from chart.helm import JsonObject
from kubernetes_validate import (  # type: ignore[import-untyped] # it has no type annotations
    SchemaNotFoundError,
    ValidationError,
    validate,
)


def mistake(found: JsonObject, kubernetes: str) -> str:
    """Return the error of an object in a version of Kubernetes, including unknown fields; empty if valid.

    Raises:
        LookupError: the version does not have this kind.
    """
    try:
        validate(found, kubernetes, strict=True)
    except SchemaNotFoundError as error:
        raise LookupError(found["kind"]) from error
    except ValidationError as error:
        return str(error.message)
    return ""
