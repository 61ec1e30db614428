"""The real daemon, asked everything that docs/openapi.yaml says, and much that it does not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from relay.form import Form
from tests.acceptance.test_isolation import HEALTHY, Tenants
from tests.fixtures.daemon import Relay, Setting, StartRelay, armor_of, drained
from tests.openapi import document, document_for, validator
from tests.torture import figure

ROOT = Path(__file__).parents[2]

FORM = """\
title: {de: Vertrauliche Nachricht, en: Confidential message}
mailbox: praxis
keys: [mueller]
origins: ["https://www.praxis-beispiel.de"]
rates: {network: 1000000, form: 1000000}
unknown_fields: reject
fields:
  - {name: anliegen, type: textarea, label: {de: Anliegen, en: Concern}, required: true, max_length: 200}
  - {name: weg, type: radio, label: {de: Weg, en: Way}, required: true, options: [
      {value: email, label: {de: E-Mail, en: E-mail}}, {value: nein, label: {de: Gar nicht, en: Not at all}}]}
  - {name: einwilligung, type: consent, label: {de: Ich bin einverstanden., en: I agree.}}
  - {name: email, type: email, label: {de: E-Mail, en: E-mail}}
  - {name: telefon, type: tel, label: {de: Telefon, en: Phone}}
  - {name: seite, type: url, label: {de: Seite, en: Site}}
  - {name: plz, type: text, label: {de: PLZ, en: Postcode}, pattern: "D-[0-9]{5}",
     pattern_hint: {de: D und fünf Ziffern, en: D and five digits}}
  - {name: alter, type: number, label: {de: Alter, en: Age}, min: 0, max: 120}
  - {name: tag, type: date, label: {de: Tag, en: Day}}
  - {name: eile, type: checkbox, label: {de: Es eilt, en: It is urgent}}
  - {name: zeiten, type: checkboxes, label: {de: Zeiten, en: Times}, options: [
      {value: früh, label: {de: früh, en: early}}, {value: spät, label: {de: spät, en: late}}]}
  - {name: unterlagen, type: file, label: {de: Unterlagen, en: Documents}, max_files: 5,
     media_types: [application/pdf]}
  - {type: paragraph, text: {de: Wir fragen nicht nach., en: We do not ask.}, show_if: {field: weg, is: nein}}
  - {name: quelle, type: hidden, label: {de: Quelle, en: Source}, max_length: 100}
"""


@pytest.fixture
def tenants(practice: Setting) -> Tenants:
    """A practice, and one of many, with the same form."""
    (practice.folder / "forms" / "kontakt.yaml").write_text(FORM)
    tenants = Tenants(practice, practice.mailbox.server.new_account())
    tenants.add(
        HEALTHY,
        port=tenants.healthy.port,
        username=tenants.healthy.username,
        password=tenants.healthy.password,
        ca_file=tenants.healthy.ca_file,
        form=FORM,
    )
    return tenants


def assets_of(relay: Relay) -> Mapping[str, list[str]]:
    """The assets that the pages name."""
    found: dict[str, list[str]] = {}
    for path, template in (
        ("/f/kontakt", "/assets/{form}/{asset}"),
        (f"/f/{HEALTHY}/kontakt", "/assets/{tenant}/{form}/{asset}"),
    ):
        for address in re.findall(r'"(/assets/[^"]+)"', relay.request("GET", path).text):
            place, _, name = address.rpartition("/")
            found.setdefault("/assets/{asset}" if place == "/assets" else template, []).append(name)
    assert len(found) == 3
    return {template: sorted(set(names)) for template, names in found.items()}


@pytest.mark.timeout(1_800)
def test_the_endpoint_is_as_the_file_says(tenants: Tenants, start_relay: StartRelay, tmp_path: Path) -> None:
    """A program written after the file would meet a status, a type, a header or a shape that it does not
    know; or what fits the form would be refused, or what does not would be taken.
    """
    relay = start_relay(tenants.setting)
    form = Form.model_validate({"name": "kontakt", **yaml.safe_load(FORM)})
    forms = {("", "kontakt"): form, (HEALTHY, "kontakt"): form}
    concrete = document_for(forms, assets_of(relay), short=bool(figure(1, 0)))
    (tmp_path / "openapi.json").write_text(json.dumps(concrete))
    noted = tmp_path / "acknowledged"
    noted.touch()
    run = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", str(tmp_path / "openapi.json"),
            "--url", f"https://localhost:{relay.port}",
            "--tls-verify", str(tenants.setting.folder / "tls" / "ca.pem"),
            "--checks", "all",
            "--max-examples", str(figure(2, 50)),
            "--seed", "1",
            "--no-color",
            *(["--exclude-operation-id", "submitToPractice"] if figure(1, 0) else []),
            *(["--generation-deterministic"] if figure(1, 0) else ["--generation-database", "none"]),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.asked",
            "RELAY_ACKNOWLEDGED": str(noted),
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    print(run.stdout)
    assert run.returncode == 0, run.stdout[-8_000:] + run.stderr[-2_000:]
    assert not relay.events("request_failed")
    drained(tenants.setting)
    letters = [*tenants.setting.mailbox.messages(), *tenants.healthy.messages()]
    acknowledged = noted.read_text().split()
    assert len(letters) == len(acknowledged) > 10
    for letter in letters[:: figure(10, 1)]:
        opened = tenants.setting.reader.decrypt(armor_of(letter))
        reference = re.search(rb"anfrage-([2-9A-Z-]{11})\.json", opened)
        assert reference
        assert reference[1].decode() in acknowledged


def test_the_commands_for_programs_do_what_is_said_of_them(
    practice: Setting, start_relay: StartRelay, tmp_path: Path
) -> None:
    """The first thing that somebody copies would not work, or its answer would be another."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    relay = start_relay(practice)
    (tmp_path / "brief.pdf").write_bytes(b"%PDF-1.4\n")
    commands = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    assert len(commands) == 3
    environment = {
        **os.environ,
        "CURL_CA_BUNDLE": str(practice.folder / "tls" / "ca.pem"),
        "NO_PROXY": "localhost",
        "LC_ALL": "C.UTF-8",
    }
    for command in commands:
        here = command.replace("https://kontakt.praxis-beispiel.de", f"https://localhost:{relay.port}")
        run = subprocess.run(
            ["bash", "-c", here], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        judge("Received").validate(json.loads(run.stdout))
    letters = practice.wait_for_letters(len(commands))
    assert sum(b'filename="brief.pdf"' in letter for letter in letters) == 1


def test_the_answers_for_programs_are_shown_as_they_are() -> None:
    """Somebody would write a program for answers that never come."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    received, trouble = map(json.loads, re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL))
    judge("Received").validate(received)
    judge("Trouble").validate(trouble)


def judge(name: str) -> jsonschema_rs.Validator:
    """The schema of this name."""
    return validator(document(), {"$ref": f"#/components/schemas/{name}"})
