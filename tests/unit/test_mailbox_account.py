"""Accounts, answers, and what is remembered of logins: the parts of the mailbox that need no server."""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path

import pytest
import trustme
from hypothesis import example, given
from hypothesis import strategies as st
from imapclient.imap_utf7 import decode as modified_utf7

from relay.errors import ConfigError, DeliveryDeferred, DeliveryRefused
from relay.mailbox import Account, Mechanisms, answers, tls
from relay.mailbox.session import _quoted


def account(**changes: object) -> Account:
    values: dict[str, object] = {
        "id": "praxis",
        "host": "imap.example.org",
        "username": "praxis@example.org",
        "password": "correct horse",
    }
    return Account(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["host", "username", "password", "folder"])
@pytest.mark.parametrize("value", ["", "a\r\nX1 DELETE INBOX", "a\0b", "a\tb", "a\x7fb", "a\x85b"])
def test_no_part_of_an_account_can_end_a_command(name: str, value: str) -> None:
    """A line end in a folder name would be a command of its own; a NUL would shift user name and password."""
    with pytest.raises(ValueError, match=name) as refused:
        account(**{name: value})
    assert "DELETE" not in str(refused.value)


def test_the_password_is_not_shown() -> None:
    """It would stand in logs and tracebacks."""
    assert "horse" not in repr(account())


@pytest.mark.parametrize(
    ("condition", "code", "kind", "reason", "least"),
    [
        ("NO", "OVERQUOTA", DeliveryDeferred, "overquota", 900),
        ("NO", "TRYCREATE", DeliveryDeferred, "folder-missing", 900),
        ("NO", "NONEXISTENT", DeliveryDeferred, "folder-missing", 900),
        ("NO", "NOPERM", DeliveryDeferred, "no-permission", 3600),
        ("NO", "CANNOT", DeliveryDeferred, "no-permission", 3600),
        ("NO", "CONTACTADMIN", DeliveryDeferred, "no-permission", 3600),
        ("NO", "UNAVAILABLE", DeliveryDeferred, "unavailable", None),
        ("NO", "INUSE", DeliveryDeferred, "unavailable", None),
        ("NO", "SERVERBUG", DeliveryDeferred, "unavailable", None),
        ("NO", "LIMIT", DeliveryDeferred, "unavailable", None),
        ("NO", "PRIVACYREQUIRED", DeliveryDeferred, "privacy-required", 3600),
        ("NO", "TOOBIG", DeliveryRefused, "too-big", None),
        ("BAD", "TOOBIG", DeliveryRefused, "too-big", None),
        ("BAD", "", DeliveryRefused, "rejected", None),
        ("NO", "", DeliveryDeferred, "refused", None),
        ("NO", "HAVEANICEDAY", DeliveryDeferred, "refused", None),
    ],
)
def test_what_a_refused_append_means(
    condition: str, code: str, kind: type[Exception], reason: str, least: float | None
) -> None:
    """Messages would be tried for ever, given up too soon, or a full mailbox be asked every second."""
    error = answers.append_refusal("imap.example.org:993", condition, code)
    assert type(error) is kind
    assert error.reason == reason
    assert getattr(error, "after", None) == least


@pytest.mark.parametrize(("condition", "code"), [("NO", ""), ("BAD", ""), ("NO", "TOOBIG"), ("NO", "X")])
def test_a_folder_that_cannot_be_opened_says_nothing_about_messages(condition: str, code: str) -> None:
    """Every waiting message would be held because of one wrong setting."""
    assert isinstance(answers.folder_refusal("imap.example.org:993", condition, code), DeliveryDeferred)


def test_the_best_mechanism_is_remembered_across_restarts(tmp_path: Path) -> None:
    """A downgrade would go unnoticed after every restart."""
    path = tmp_path / "mechanisms.json"
    memory = Mechanisms(path)
    assert memory.best(account()) == ""
    assert not memory.weaker(account(), "LOGIN")
    memory.remember(account(), "SCRAM-SHA-256")
    again = Mechanisms(path)
    assert again.best(account()) == "SCRAM-SHA-256"
    assert again.weaker(account(), "PLAIN")
    assert again.weaker(account(), "LOGIN")
    assert not again.weaker(account(), "SCRAM-SHA-256")
    assert not again.weaker(account(id="lindenhof/praxis"), "PLAIN")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["mechanisms.json"]


def test_another_server_begins_anew(tmp_path: Path) -> None:
    """A practice that moves to a provider without SCRAM could never deliver again."""
    memory = Mechanisms(tmp_path / "mechanisms.json")
    memory.remember(account(), "SCRAM-SHA-256")
    moved = account(host="imap.beispiel.de")
    assert not memory.weaker(moved, "PLAIN")
    memory.remember(moved, "PLAIN")
    assert Mechanisms(tmp_path / "mechanisms.json").best(moved) == "PLAIN"


def test_who_only_looks_writes_nothing(tmp_path: Path) -> None:
    """A check as root would leave a file that the daemon cannot read."""
    path = tmp_path / "mechanisms.json"
    memory = Mechanisms(path, read_only=True)
    memory.remember(account(), "SCRAM-SHA-256")
    assert memory.best(account()) == "SCRAM-SHA-256"
    assert not path.exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"praxis": 1}', '{"praxis": {"server": "a:1", "mechanism": "MAGIC"}}', "\0"]
)
def test_a_damaged_memory_is_not_taken_for_an_empty_one(tmp_path: Path, content: str) -> None:
    """Half a file would allow the downgrade it is there to prevent."""
    path = tmp_path / "mechanisms.json"
    path.write_text(content)
    with pytest.raises(ConfigError) as refused:
        Mechanisms(path)
    assert refused.value.mistakes[0].file == str(path)


def test_an_unwritable_state_directory_does_not_stop_the_memory(tmp_path: Path) -> None:
    """On a full disk nothing would be delivered any more, which is what frees it."""
    memory = Mechanisms(tmp_path / "missing" / "mechanisms.json")
    with pytest.raises(OSError, match="missing"):
        memory.remember(account(), "SCRAM-SHA-256")
    assert memory.weaker(account(), "PLAIN")


def test_the_memory_holds_no_names_of_people(tmp_path: Path) -> None:
    """A backup of the state directory would tell more than it must."""
    path = tmp_path / "mechanisms.json"
    Mechanisms(path).remember(account(), "PLAIN")
    assert json.loads(path.read_text()) == {
        "praxis": {"server": "imap.example.org:993", "mechanism": "PLAIN"}
    }


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
@example('a"b')
@example("a\\")
@example("{5}")
@example("Entwürfe & Anfragen/Über mich 🙂")
def test_any_folder_name_stays_inside_its_quotes(name: str) -> None:
    """A folder name would end its quotes and become arguments, or name another folder."""
    quoted = _quoted(name)
    assert quoted[0] == quoted[-1] == '"'
    assert quoted.isascii()
    assert quoted.isprintable()
    inside = quoted[1:-1]
    assert '"' not in inside.replace("\\\\", "").replace('\\"', "")
    assert modified_utf7(inside.replace('\\"', '"').replace("\\\\", "\\").encode()) == name


def test_only_suites_with_forward_secrecy_and_authenticated_encryption() -> None:
    """A recorded connection could be read later with the server's key."""
    context = tls.context(None)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    names = {str(suite["name"]) for suite in context.get_ciphers()}
    assert names
    for name in names:
        assert name.startswith(("TLS_", "ECDHE-")), name
        assert "GCM" in name or "CHACHA20" in name, name


def test_no_ticket_is_taken_from_the_mailbox() -> None:
    """What was recorded could be read with the key of the provider's tickets, forward secrecy or not."""
    assert tls.context(None).options & ssl.OP_NO_TICKET


def test_what_tls_to_the_mailbox_does_without() -> None:
    """A provider could have us compute without end, sign with SHA-1, or have its answer cut off unnoticed."""
    context = tls.context(None)
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    assert not context.options & ssl.OP_IGNORE_UNEXPECTED_EOF
    assert context.security_level == 2
    assert context.verify_flags & ssl.VERIFY_X509_STRICT


def test_connections_that_trust_the_same_share_what_that_takes() -> None:
    """Five hundred practices would take 400 MB, for the authorities of the system alone."""
    assert tls.context(None) is tls.context(None)


def test_the_authorities_of_the_system_are_read_again_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authority that the distribution distrusts from today on would be trusted until the next restart."""
    bundle, folder = tmp_path / "bundle.pem", tmp_path / "authorities"
    folder.mkdir()
    os.utime(folder, (0, 0))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))

    def trusted() -> int:
        return tls.context(None).cert_store_stats()["x509_ca"]

    trustme.CA().cert_pem.write_to_path(str(bundle))
    assert trusted() == 1
    trustme.CA().cert_pem.write_to_path(str(bundle), append=True)
    assert trusted() == 2
    known = tls.context(None)
    (folder / "0a1b2c3d.0").symlink_to(bundle)
    assert tls.context(None) is not known
