"""What may lie in the operator's files: relay.yaml, a form, a key.

The first line of the data says which of them, ``relay``, ``form`` or ``key``; all that follows is the file.
The others are as they should be.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from relay.certificate import file as certificate_file
from relay.cli.lines import mistake_lines
from relay.errors import CertificateUnusable
from tests.config_folder import GOOD, PASSWORD, look_at, make

_FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-settings-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
_RELAY = make(_FOLDER)
_PLACES = {b"relay": _RELAY, b"form": _FOLDER / "forms" / "kontakt.yaml"}
_AS_IT_SHOULD_BE = {b"relay": (GOOD / "relay.yaml").read_bytes(), b"form": _PLACES[b"form"].read_bytes()}
ENDED: Counter[str] = Counter()
"""How the tries ended: ``taken`` or ``refused``, by file."""


def try_one(data: bytes) -> None:
    """Raise ``AssertionError`` for a mistake that is told badly, anything else for a crash."""
    which, _, content = data.partition(b"\n")
    if which == b"key":
        _key(content)
    elif which in _PLACES:
        _settings(which, content)


def _settings(which: bytes, content: bytes) -> None:
    for name, place in _PLACES.items():
        place.write_bytes(content if name == which else _AS_IT_SHOULD_BE[name])
    found = look_at(_RELAY)
    errors = [mistake for mistake in found.mistakes if mistake.severity == "error"]
    assert (found.config is None) == bool(errors)
    for mistake in found.mistakes:
        said = list(mistake_lines(mistake))
        assert mistake.fact
        assert mistake.line >= 0
        assert all(line.isprintable() for line in said), "a terminal would obey"
        assert not any(PASSWORD in line for line in said)
    ENDED[f"{which.decode()} {'refused' if errors else 'taken'}"] += 1


def _key(content: bytes) -> None:
    try:
        read = certificate_file.read(content, "mueller")
    except CertificateUnusable as error:
        unusable = error
    else:
        assert read.octets
        assert read.primary.key.fingerprint
        ENDED["key taken"] += 1
        return
    assert unusable.code
    assert unusable.fact
    assert unusable.name == "mueller"
    ENDED["key refused"] += 1


DICTIONARY = (
    "relay\n", "form\n", "key\n", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n",
    "-----END PGP PUBLIC KEY BLOCK-----",
    "public_url: ", "listen: [", "tls: {certificate: ", "state: ", "mailboxes:\n", "keys: ", "fingerprint: ",
    "tenants: tenants/", "title: {de: ", "mailbox: ", "origins: [", "fields:\n", "  - {name: ", ", type: ",
    "text", "textarea", "file", "number", "select", "options: ", "show_if: {field: ", "pattern: ",
    "max_size: ",
    "&a ", "*a", "!!python/object", "<<: ", "? ", "| ", "> ", "\t", "[[[[", "{{{{", "0x",
    ".inf", "2026-11-22",
)  # fmt: skip
"""Words that are rarely found by chance."""
