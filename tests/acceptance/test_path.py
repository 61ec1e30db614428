"""The whole path with real parts: the daemon as a process, a real Dovecot, letters opened by gpg."""

from __future__ import annotations

import email
import email.policy
import json
import re
import shutil
import signal
import ssl
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.test_status import put_old
from tests.fixtures.daemon import Relay, Setting, StartRelay, drained, marker, within, write_certificate
from tests.fixtures.dovecot import Dovecot
from tests.fixtures.keys import Home, Reader
from tests.judge.verdict import Letters

REFERENCE = re.compile(r"^[2-9A-HJKMNP-Z]{3}-[2-9A-HJKMNP-Z]{3}-[2-9A-HJKMNP-Z]{3}$")
ANSWERS = {
    "anliegen": "Ich fühle mich überfordert, 5 € in der Tasche.\nDarf ich am Montag anrufen? 🌧️",
    "email": "kim@beispiel.de",
    "name": "Kim Möller",
}


def test_a_letter_goes_from_the_form_into_the_mailbox(practice: Setting, start_relay: StartRelay) -> None:
    """The main job: what was typed is read by the counsellor, unbroken, and nobody else sees any of it."""
    relay = start_relay(practice)
    answered = relay.post(ANSWERS)
    assert answered.status == 202
    reference = answered.json["reference"]
    assert REFERENCE.match(reference)
    [letter] = practice.wait_for_letters(1)
    inner = email.message_from_bytes(letter, policy=email.policy.SMTP)
    assert reference in inner["Subject"]
    text = inner.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    for line in ANSWERS["anliegen"].splitlines():
        assert line in text
    assert "mailto:kim@beispiel.de" in text
    [message] = practice.mailbox.messages()
    outer = email.message_from_bytes(message, policy=email.policy.SMTP)
    assert outer["Subject"] == "[...]"
    readable = message.split(b"-----BEGIN PGP MESSAGE-----")[0].decode()
    for secret in ("kim@", "Kim", "kontakt", "Vertraulich", reference):
        assert secret not in readable


def test_without_a_mailbox_the_visitor_still_gets_a_reference(
    dovecot_server: type[Dovecot], practice: Setting, start_relay: StartRelay
) -> None:
    """A mail server that is down costs nobody a letter: it is accepted, kept, and delivered on return."""
    server = dovecot_server()
    account = server.new_account()
    (practice.folder / "secrets" / "praxis").write_text(account.password)
    practice.rewrite(
        lambda settings: settings["mailboxes"]["praxis"].update(
            username=account.username, port=account.port, ca_file=str(account.ca_file)
        )
    )
    practice.mailbox = account
    server.stop()
    relay = start_relay(practice)
    answered = relay.post(ANSWERS)
    assert answered.status == 202
    relay.wait_for("mailbox_unreachable")
    server.start()
    [letter] = practice.wait_for_letters(1, timeout=60)
    assert "überfordert" in letter.decode("utf-8", "replace") or b"=C3=BCberfordert" in letter
    assert relay.stop() == 0
    assert len(practice.mailbox.messages()) == 1


def test_kill_9_after_the_confirmation_loses_nothing(practice: Setting, start_relay: StartRelay) -> None:
    """What was confirmed survives the end of the process at any moment, and is visible once."""
    references = set()
    for number in range(6):
        relay = start_relay(practice)
        answered = relay.post({**ANSWERS, "anliegen": f"Brief {number}"})
        relay.kill()
        assert answered.status == 202
        references.add(answered.json["reference"])
    start_relay(practice)
    letters = practice.wait_for_letters(len(references))
    found = {email.message_from_bytes(letter)["Subject"].split()[-1] for letter in letters}
    assert found == references


def test_a_marker_word_in_every_field_is_found_nowhere(practice: Setting, start_relay: StartRelay) -> None:
    """Plaintext never reaches a file, a log line, or the page of another person."""
    word = marker()
    relay = start_relay(practice)
    body = (
        f'--b\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\n{word}-a\r\n'
        f'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n{word}@beispiel.de\r\n'
        f'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n{word}-n\r\n'
        f'--b\r\nContent-Disposition: form-data; name="unterlagen"; filename="{word}.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\n{word}-f\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Accept": "application/json"}
    assert relay.request("POST", "/f/kontakt", body, headers).status == 202
    refused = relay.request("POST", f"/f/{word}?{word}", body, {**headers, "X-Word": word})
    assert refused.status == 404
    assert word not in refused.text
    practice.wait_for_letters(1)
    assert relay.stop() == 0
    assert not [line for line in relay.lines if word in line]
    for path in practice.folder.rglob("*"):
        if path.is_file():
            assert word.encode() not in path.read_bytes(), path


def test_the_form_is_a_page_that_keeps_what_was_typed(practice: Setting, start_relay: StartRelay) -> None:
    """Without JavaScript the visitor meets a form, mends it without typing again, and ends on a reference."""
    relay = start_relay(practice)
    page = relay.request("GET", "/f/kontakt", headers={"Accept-Language": "de"})
    assert page.status == 200
    assert "Ihr Anliegen" in page.text
    assert "set-cookie" not in page.headers
    form = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": "de"}
    wrong = relay.request("POST", "/f/kontakt", urllib.parse.urlencode({"anliegen": "", "name": "Kim"}), form)
    assert wrong.status == 422
    assert "Noch nicht gesendet" in wrong.text
    assert 'value="Kim"' in wrong.text
    sent = relay.request("POST", "/f/kontakt", urllib.parse.urlencode(ANSWERS), form)
    assert sent.status == 303
    thanks = relay.request("GET", urllib.parse.urlsplit(sent.headers["location"]).path)
    assert thanks.status == 200
    assert "angekommen" in thanks.text
    invented = relay.request("GET", "/f/kontakt/sent/AAA-AAA-AAA.0000000000000000")
    assert invented.status == 404


def test_reload_takes_the_new_forms_or_keeps_the_old(practice: Setting, start_relay: StartRelay) -> None:
    """SIGHUP is all or nothing for a practice: a mistake in a file never takes a working form off the air."""
    relay = start_relay(practice)
    second = practice.folder / "forms" / "rueckruf.yaml"
    second.write_text((practice.folder / "forms" / "kontakt.yaml").read_text())
    relay.reload()
    relay.wait_for("reloaded")
    assert relay.request("GET", "/f/rueckruf").status == 200
    second.write_text("title: {de: Halb}\nfeilds: []\n")
    relay.reload()
    kept = relay.wait_for("reload_refused")
    assert kept["mistakes"] >= 1
    assert relay.request("GET", "/f/rueckruf").status == 200
    assert relay.request("GET", "/f/kontakt").status == 200


def test_reload_takes_a_renewed_certificate(practice: Setting, start_relay: StartRelay) -> None:
    """A renewed TLS certificate is served after SIGHUP, to new connections, without closing the door."""
    relay = start_relay(practice)
    before = ssl.get_server_certificate(("127.0.0.1", relay.port))
    write_certificate(practice.folder)
    relay.reload()
    relay.wait_for("reloaded")
    assert ssl.get_server_certificate(("127.0.0.1", relay.port)) != before
    assert relay.request("GET", "/f/kontakt").status == 200


def test_an_ended_certificate_stops_no_delivery(practice: Setting, start_relay: StartRelay) -> None:
    """After a restart nothing that was accepted before would be delivered, and nobody raise an alarm."""
    put_old(practice, "praxis", timedelta(minutes=10))
    write_certificate(practice.folder, ends=datetime.now(UTC) - timedelta(days=1))
    relay = start_relay(practice)
    drained(practice)
    assert practice.mailbox.count() == 1
    assert within(10, lambda: bool(relay.events("alarm_raised")))
    assert relay.events("alarm_raised")[0]["name"] == "tls_certificate_ended"
    write_certificate(practice.folder)
    relay.reload()
    relay.wait_for("reloaded")
    assert relay.request("GET", "/f/kontakt").status == 200

    seen = ssl.get_server_certificate(("127.0.0.1", relay.port))
    write_certificate(practice.folder, ends=datetime.now(UTC) - timedelta(days=1))
    relay.reload()
    assert "the certificate has ended" in relay.wait_for("reload_refused")["lines"][0]
    assert ssl.get_server_certificate(("127.0.0.1", relay.port)) == seen, "the better one stays"


def test_a_start_that_fails_leaves_no_agent_behind(
    practice: Setting, start_relay: StartRelay, new_home: Callable[[], Home]
) -> None:
    """The relay's secret key would lie open to every program of the same user, with no relay running."""
    home = new_home()
    fingerprint = home.make("relay <relay@beispiel.de>")
    (practice.folder / "secrets" / "signing.asc").write_bytes(home.export_secret(fingerprint))
    (practice.folder / "secrets" / "signing.asc").chmod(0o600)
    signing = {"key_file": "secrets/signing.asc", "fingerprint": fingerprint}
    practice.rewrite(lambda settings: settings.update(signing=signing))
    practice.state.mkdir(mode=0o700)
    (practice.state / "mechanisms.json").write_text("damaged")
    assert start_relay(practice, ready=False).process.wait(30) == 78
    deadline = time.monotonic() + 10
    while (practice.state / "gnupg" / "S.gpg-agent").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # an agent that was told to end has no way of saying that it did


def test_what_a_reload_cannot_change_is_said_until_the_restart(
    practice: Setting, start_relay: StartRelay
) -> None:
    """A setting would be in force by half, or not at all, and nobody be told which."""
    relay = start_relay(practice)
    practice.rewrite(lambda settings: settings.update(public_url="https://127.0.0.1"))
    practice.rewrite(lambda settings: settings.update(sealing={"gpg": shutil.which("gpg")}))
    practice.rewrite(lambda settings: settings.update(limits={"in_memory": "200 MB", "files": "25 MB"}))
    for count in (1, 2):
        relay.reload()
        needs_restart = relay.wait_for("reloaded", count)["needs_restart"]
        assert needs_restart == ["public_url", "limits.in_memory", "sealing.gpg"]
    assert relay.post(ANSWERS).status == 202
    practice.wait_for_letters(1)
    [message] = practice.mailbox.messages()
    assert email.message_from_bytes(message)["Message-ID"].endswith("@localhost>")


def test_a_reload_changes_what_one_visitor_may_send(practice: Setting, start_relay: StartRelay) -> None:
    """A form would allow files that the door refuses, or the other way round."""
    form = practice.folder / "forms" / "kontakt.yaml"
    allowed = form.read_text()
    form.write_text(allowed.replace("25 MB", "1 MB"))
    practice.rewrite(lambda settings: settings.update(limits={"files": "2 MB"}))
    relay = start_relay(practice)
    kind = {"Content-Type": "multipart/form-data; boundary=grenze", "Accept": "application/json"}
    body = (
        b'--grenze\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\nHallo\r\n'
        b'--grenze\r\nContent-Disposition: form-data; name="unterlagen"; filename="befund.pdf"\r\n\r\n'
        b"%PDF-1.7\n" + bytes(3_000_000) + b"\r\n--grenze--\r\n"
    )
    assert relay.request("POST", "/f/kontakt", body, kind).status == 413
    form.write_text(allowed)
    practice.rewrite(lambda settings: settings.update(limits={"files": "25 MB"}))
    relay.reload()
    relay.wait_for("reloaded")
    assert relay.request("POST", "/f/kontakt", body, kind).status == 202


def test_two_thousand_submissions_arrive_once_each(practice: Setting, start_relay: StartRelay) -> None:
    """Posted as fast as they are taken: none lost, none twice, none mixed up with another."""
    relay = start_relay(practice)
    references = post_many(relay, 2_000)
    assert len(set(references)) == 2_000
    drained(practice, timeout=90)
    letters = Letters(practice.reader)
    found = [
        email.message_from_bytes(letters.open(message))["Subject"].split()[-1]
        for message in practice.mailbox.messages()
    ]
    assert sorted(found) == sorted(references)


def post_many(relay: Relay, count: int) -> list[str]:
    """Send this many letters of 2 KB over a few kept connections; the references, all accepted."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}

    def share(numbers: range) -> list[str]:
        connection = relay.connection()
        references = []
        for number in numbers:
            body = urllib.parse.urlencode({"anliegen": f"Brief {number} ".ljust(1_980, "ü")})
            connection.request("POST", "/f/kontakt", body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
            assert response.status == 202, answer
            references.append(answer["reference"])
        connection.close()
        return references

    with ThreadPoolExecutor(8) as pool:
        return [found for part in pool.map(share, [range(n, count, 8) for n in range(8)]) for found in part]


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT"])
def test_a_polite_end_is_quick_and_clean(
    practice: Setting, start_relay: StartRelay, signal_name: str
) -> None:
    """Stopping ends it with status 0 within 20 seconds, and what was accepted is still delivered later."""
    relay = start_relay(practice)
    assert relay.post(ANSWERS).status == 202
    relay.process.send_signal(getattr(signal, signal_name))
    assert relay.process.wait(20) == 0
    start_relay(practice)
    assert len(practice.wait_for_letters(1)) == 1


def test_a_socket_that_cannot_be_removed_is_no_failure(practice: Setting, start_relay: StartRelay) -> None:
    """Where the disk has failed and is read-only, the end of the relay would look like a crash."""
    run = practice.folder / "run"
    run.mkdir()
    practice.rewrite(lambda settings: settings["listen"].append(f"unix:{run}/http.sock"))
    relay = start_relay(practice)
    run.rename(practice.folder / "gone")
    run.write_text("what cannot be entered")
    assert relay.stop() == 0
    assert relay.events("stopped")


def test_a_reload_that_hangs_does_not_keep_it_from_ending(
    practice: Setting, start_relay: StartRelay, second_reader: Reader
) -> None:
    """A restart would wait for gpg, or for five hundred new keys, until systemd kills it."""
    hangs, begun = practice.folder / "hangs", practice.folder / "begun"
    gpg = practice.folder / "gpg"
    gpg.write_text(
        f"#!/bin/sh\n[ -e {hangs} ] && touch {begun}\nwhile [ -e {hangs} ]; do sleep 0.1; done\n"
        'exec gpg "$@"\n'
    )
    gpg.chmod(0o700)
    practice.rewrite(lambda settings: settings.update(sealing={"gpg": str(gpg)}))
    relay = start_relay(practice)
    (practice.folder / "keys" / "neu.asc").write_bytes(second_reader.armored)
    new = {"file": "keys/neu.asc", "fingerprint": second_reader.fingerprint}
    practice.rewrite(lambda settings: settings["keys"].update(neu=new))
    hangs.touch()
    try:
        relay.reload()
        deadline = time.monotonic() + 30
        while not begun.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert relay.stop(20) == 0
    finally:
        hangs.unlink()
