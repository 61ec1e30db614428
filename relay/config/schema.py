"""JSON Schemas of the three kinds of files, for editors and for checks before anything is installed.

They know less than ``relay check``: nothing of files, keys and what only shows when settings are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from relay.config.settings import RelaySettings, TenantSettings
from relay.config.words import NAMED_BY_PLACE
from relay.form import Form

_MODELS: Mapping[str, type[BaseModel]] = {"relay": RelaySettings, "form": Form, "tenant": TenantSettings}


def schema_of(kind: Literal["relay", "form", "tenant"]) -> dict[str, Any]:
    """The schema of ``relay.yaml``, of ``forms/NAME.yaml``, or of ``tenant.yaml``."""
    schema = _MODELS[kind].model_json_schema()
    if kind == "form":
        for name in NAMED_BY_PLACE:
            schema["properties"].pop(name, None)
        schema["required"] = [name for name in schema["required"] if name not in NAMED_BY_PLACE]
    # The YAML language server reads draft 7, and nothing newer stands in here.
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema}
