"""relay send-test, with a real mailbox and a real key."""

from __future__ import annotations

import email
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay.cli import main
from tests.fixtures.daemon import Setting

EVERY_FIELD = """\
title: {de: Alles, en: Everything}
mailbox: praxis
keys: [mueller]
fields:
  - {type: heading, text: {de: Über Sie, en: About you}}
  - {name: kurz, type: text, label: {de: Kurz, en: Short}, required: true, min_length: 40, max_length: 60}
  - name: plz
    type: text
    label: {de: Postleitzahl, en: Postcode}
    required: true
    pattern: "[0-9]{5}"
    pattern_hint: {de: fünf Ziffern, en: five digits}
  - {name: lang, type: textarea, label: {de: Lang, en: Long}, required: true, max_length: 5}
  - {name: mail, type: email, label: {de: E-Mail, en: E-mail}, required: true}
  - {name: tel, type: tel, label: {de: Telefon, en: Phone}, required: true}
  - {name: url, type: url, label: {de: Seite, en: Page}, required: true}
  - {name: zahl, type: number, label: {de: Zahl, en: Number}, required: true, min: 2.5}
  - {name: bruch, type: number, label: {de: Bruch, en: Fraction}, required: true, max: -0.5, whole: false}
  - {name: kg, type: number, label: {de: Kilo, en: Kilos}, required: true, min: 1.125, whole: false}
  - {name: unten, type: number, label: {de: Unten, en: Below}, required: true, max: -5.5}
  - {name: tag, type: date, label: {de: Tag, en: Day}, required: true, latest: 2020-01-31}
  - {name: eins, type: select, label: {de: Eins, en: One}, options: [{value: a, label: {de: A, en: A}}]}
  - {name: viele, type: checkboxes, label: {de: Wie, en: How}, options: [{value: a, label: {de: A, en: A}}]}
  - {name: haken, type: checkbox, label: {de: Haken, en: Tick}, required: true}
  - {name: ja, type: consent, label: {de: Einverstanden, en: Agreed}}
  - {name: bild, type: file, label: {de: Bild, en: Picture}, required: true, media_types: [image/png]}
  - {name: heic, type: file, label: {de: Foto, en: Photo}, required: true, media_types: [image/heic]}
  - {name: pdf, type: file, label: {de: PDF, en: PDF}, required: true, media_types: [application/pdf]}
  - {name: wann, type: text, label: {de: Wann, en: When}, required: true, show_if: {field: eins, is: a}}
  - {name: wenn, type: text, label: {de: Wenn, en: If}, required: true, show_if: {field: haken, is: yes}}
  - {name: quelle, type: hidden, label: {de: Quelle, en: Source}, value: flyer}
  - {name: zeit, type: number, label: {de: Zeit, en: Time}, max: 0}
"""


def run(folder: Path, *arguments: str) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(main, ["--config", str(folder / "relay.yaml"), *arguments])


def test_the_letter_arrives_and_says_that_it_is_a_test(practice: Setting) -> None:
    """A counsellor would take the test for a person in need, or the sysadmin a broken way for a whole one."""
    result = run(practice.folder, "send-test", "kontakt", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [step["subject"] for step in told["steps"]] == [
        "fill in",
        "compose",
        "seal",
        "connect",
        "deliver",
        "look",
    ]
    assert {step["state"] for step in told["steps"]} == {"ok"}
    assert told["ok"]
    [message] = practice.mailbox.messages()
    assert email.message_from_bytes(message)["Message-ID"] == told["message_id"]
    [letter] = practice.letters()
    parts = email.message_from_bytes(letter)
    assert parts["Subject"] is not None
    text = parts.get_payload(0).get_payload(decode=True).decode()
    assert "TEST: Vertrauliche Nachricht" in text
    assert text.index("Niemand hat geschrieben") < text.index("Ihr Anliegen")
    assert told["reference"] in text


def test_a_form_with_every_kind_of_field_can_be_sent(practice: Setting) -> None:
    """send-test would fail on a form that visitors can fill in, and say the form is broken."""
    (practice.folder / "forms" / "alles.yaml").write_text(EVERY_FIELD)
    result = run(practice.folder, "send-test", "alles")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].startswith(
        "the test letter lies in praxis: the reader finds it as "
    )
    [letter] = practice.letters()
    assert b"Test" in letter


def test_a_form_that_is_not_there_is_named_with_those_that_are(practice: Setting) -> None:
    """A typing error would look like a broken relay."""
    result = run(practice.folder, "send-test", "kontakte")
    assert (result.exit_code, result.stdout) == (65, "")
    assert result.stderr == "relay: there is no form kontakte\n       hint: forms: kontakt\n"


def test_a_mailbox_that_cannot_be_reached_is_69(practice: Setting) -> None:
    """Monitoring could not tell a dead mailbox from a mistake in the configuration."""
    practice.rewrite(lambda settings: settings["mailboxes"]["praxis"].update(port=1))
    result = run(practice.folder, "send-test", "kontakt", "--json")
    assert result.exit_code == 69
    told = json.loads(result.stdout)
    assert told["steps"][-1]["subject"] == "connect"
    assert "cannot be reached" in told["steps"][-1]["notes"][0]["fact"]
    assert practice.mailbox.messages() == []


def test_a_wrong_password_is_69_and_is_not_shown(practice: Setting) -> None:
    """The password would stand in a terminal, a ticket, a chat."""
    (practice.folder / "secrets" / "praxis").write_text("falsches-KENNWORT")
    result = run(practice.folder, "send-test", "kontakt")
    assert result.exit_code == 69
    assert "KENNWORT" not in result.output


def test_mistakes_in_the_configuration_are_78(practice: Setting) -> None:
    """A letter would be sent from a configuration that relay serve refuses."""
    practice.rewrite(lambda settings: settings.update(lisen=[]))
    result = run(practice.folder, "send-test", "kontakt")
    assert (result.exit_code, result.stdout) == (78, "")
    assert "did you mean 'listen'?" in result.stderr
    assert practice.mailbox.messages() == []


def test_mistakes_of_one_tenant_are_its_own(practice: Setting) -> None:
    """One practice could keep the sysadmin from trying out any other."""
    tenant = practice.folder / "tenants" / "lindenhof"
    tenant.mkdir(parents=True)
    (tenant / "tenant.yaml").write_text("practice: {nam: Lindenhof}\n")
    practice.rewrite(lambda settings: settings.update(tenants="tenants"))
    assert run(practice.folder, "send-test", "kontakt").exit_code == 0
    result = run(practice.folder, "send-test", "lindenhof/kontakt")
    assert (result.exit_code, result.stdout) == (78, "")
    assert "did you mean 'name'?" in result.stderr


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_test_speaks_the_language_of_the_form(practice: Setting, language: str) -> None:
    """An English-speaking counsellor would not understand that it is a test."""
    form = (
        f"title: {{{language}: Hallo}}\nmailbox: praxis\nkeys: [mueller]\n"
        f"fields: [{{name: a, type: text, label: {{{language}: A}}}}]\n"
    )
    (practice.folder / "forms" / "kurz.yaml").write_text(form)
    assert run(practice.folder, "send-test", "kurz").exit_code == 0
    [letter] = practice.letters()
    text = email.message_from_bytes(letter).get_payload(0).get_payload(decode=True).decode()
    assert {"de": "Niemand hat geschrieben", "en": "Nobody has written"}[language] in text
