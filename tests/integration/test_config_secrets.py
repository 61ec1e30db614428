"""Secrets: read only from files that nobody else can read, and never shown."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.config_folder import PASSWORD, config_of, look_at, make, told, write_private

NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration, in whose folder the process stands."""
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return tmp_path


def rewrite(folder: Path, old: str, new: str) -> None:
    """Change relay.yaml."""
    path = folder / "relay.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


SECRETS = {
    "secrets/praxis": "relay.yaml:10:5: mailboxes.praxis.password_file",
    "tls/privkey.pem": "relay.yaml:3:39: tls.key",
}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o700, 0o666, 0o777, 0o440, 0o601, 0o4600]
)
def test_a_secret_that_others_can_reach_is_refused(folder: Path, name: str, mode: int) -> None:
    """Another user of the machine could read the counsellor's mail."""
    (folder / name).chmod(mode)
    found = look_at(Path("relay.yaml"))
    [mistake] = found.mistakes
    assert f"{SECRETS[name]}: the file has mode {mode:04o}" in str(mistake)
    assert mistake.kind == "permission"
    assert found.config is None


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_for_its_owner_alone_is_taken(folder: Path, mode: int) -> None:
    """No password could be given at all."""
    (folder / "secrets" / "praxis").chmod(mode)
    assert config_of(folder).accounts["praxis"].password == PASSWORD


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_secret_of_another_user_is_refused(folder: Path) -> None:
    """Its owner could exchange it, or read it in spite of its mode."""
    os.chown(folder / "secrets" / "praxis", NOBODY, NOBODY)
    assert "mailboxes.praxis.password_file: the file belongs to another user" in told()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(("owner", "mode", "fact"), [
    (0, 0o755, None),
    (NOBODY, 0o755, "the program belongs to another user, who may change it"),
    (0, 0o775, "the program has mode 0775: others may change it"),
])  # fmt: skip
def test_a_program_that_others_may_change_is_refused(
    folder: Path, owner: int, mode: int, fact: str | None
) -> None:
    """Another user of the machine could have the daemon run what they like, beside its passwords."""
    program = folder / "alarm"
    program.write_text("#!/bin/sh\n")
    program.chmod(mode)
    os.chown(program, owner, owner)
    with (folder / "relay.yaml").open("a") as settings:
        settings.write(f"alarm_command: [{program}]\n")
    mistakes = look_at(Path("relay.yaml")).mistakes
    found = [(mistake.path, mistake.fact, mistake.kind) for mistake in mistakes]
    assert found == ([("alarm_command[0]", fact, "permission")] if fact else [])


def test_a_symbolic_link_is_judged_by_what_it_leads_to(folder: Path) -> None:
    """Certificates of certbot are links; and a link could hide a file that others can read."""
    (folder / "secrets" / "elsewhere").write_text(PASSWORD)
    (folder / "secrets" / "praxis").unlink()
    (folder / "secrets" / "praxis").symlink_to("elsewhere")
    (folder / "secrets" / "elsewhere").chmod(0o644)
    assert "mode 0644" in told()
    (folder / "secrets" / "elsewhere").chmod(0o600)
    assert told() == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file with the password is empty"),
        (b"\n", "the file with the password is empty"),
        (b"eins\nzwei\n", "the password holds a control character, or is more than one line"),
        (b"geheim\x00", "the password holds a control character, or is more than one line"),
        (b"geheim\x1b[2J", "the password holds a control character, or is more than one line"),
        ("geheim\u2028x".encode(), "the password holds a control character, or is more than one line"),
        (b"geheim\xff", "the password is not UTF-8"),
        (b"g" * 1_025, "the file is larger than 1,024 bytes"),
    ],
)
def test_what_is_no_password_is_refused_and_not_shown(folder: Path, content: bytes, words: str) -> None:
    """A login would fail for a reason nobody sees, or a line break end an IMAP command."""
    write_private(folder / "secrets" / "praxis", content)
    assert words in told()
    assert "geheim" not in told()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_end_of_the_line_is_no_part_of_the_password(folder: Path, end: str) -> None:
    """Every editor ends the line: the login would fail. On Windows some put a mark before it, too."""
    for mark in ("", "\ufeff"):
        write_private(folder / "secrets" / "praxis", f"{mark} geheim mit ß{end}")
        assert config_of(folder).accounts["praxis"].password == " geheim mit ß"


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused(folder: Path, kind: str) -> None:
    """relay would wait for ever."""
    path = folder / "secrets" / "praxis"
    path.unlink()
    path.mkdir() if kind == "folder" else os.mkfifo(path, 0o600)
    assert (
        "mailboxes.praxis.password_file: this is not a regular file" in told() or "this is a folder" in told()
    )


def test_credentials_of_systemd(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service whose user is made at its start could be given no secret."""
    rewrite(folder, "password_file: secrets/praxis", "password_credential: imap")
    rewrite(folder, "key: tls/privkey.pem", "key_credential: tls-key")
    rewrite(folder, "practice:", f"signing: {{key_credential: signing, fingerprint: {'A' * 40}}}\npractice:")
    assert "mailboxes.praxis.password_credential: there are no credentials" in told()
    assert "tls.key_credential: there are no credentials" in told()
    assert "(LoadCredential=); else write key\n" in told()
    assert "signing.key_credential: there are no credentials" in told()
    assert "(LoadCredential=); else write key_file\n" in told()

    excused = look_at(Path("relay.yaml"), excuse_credentials=True)
    assert {mistake.severity for mistake in excused.mistakes} == {"warning"}
    assert excused.without_password == ("praxis",)

    handed_over = folder / "credentials"
    handed_over.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed_over))
    assert "systemd handed over no such credential" in told()
    assert "LoadCredential=imap:/PATH" in told()

    (handed_over / "imap").write_text(PASSWORD + "\n")
    (handed_over / "tls-key").write_bytes((folder / "tls" / "privkey.pem").read_bytes())
    (handed_over / "signing").write_text("-----BEGIN PGP PRIVATE KEY BLOCK-----\n")
    for name in ("imap", "signing"):
        (handed_over / name).chmod(0o440)  # systemd 252 gives rights by ACL, which shows as the group's
    config = config_of(folder)
    assert config.accounts["praxis"].password == PASSWORD
    assert config.tls is not None
    assert config.tls.key == handed_over / "tls-key"
    assert config.signing is not None
    assert config.signing.armored.startswith(b"-----BEGIN PGP PRIVATE KEY")


@pytest.mark.parametrize("name", ["../secrets/praxis", "/etc/passwd", "a/b", ".", "", "x" * 200, "-x"])
def test_a_credential_is_a_name_and_no_path(folder: Path, name: str) -> None:
    """Any file of the service would be sent as a password."""
    rewrite(folder, "password_file: secrets/praxis", f'password_credential: "{name}"')
    assert "mailboxes.praxis.password_credential: a credential is named with letters" in told()


def test_no_secret_is_in_the_words_of_a_configuration(folder: Path) -> None:
    """A password would be logged together with whatever holds the configuration."""
    config = config_of(folder)
    assert PASSWORD not in repr(config)
    assert "PRIVATE KEY" not in repr(config)


def test_a_state_folder_that_others_can_enter_is_refused(folder: Path) -> None:
    """Others could see how much is written, and when, and to whom."""
    (folder / "state").mkdir(mode=0o755)
    (folder / "state").chmod(0o755)
    found = look_at(Path("relay.yaml"))
    assert [str(mistake) for mistake in found.mistakes] == [
        "relay.yaml:4:1: state: the folder has mode 0755: others may look into it"
    ]
    assert found.mistakes[0].kind == "permission"
    (folder / "state").chmod(0o700)
    assert told() == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="root reads everything: needs another user to become")
def test_a_file_that_may_not_be_read_is_a_matter_of_permissions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sysadmin would look for a mistake in the file instead of its mode."""
    with tempfile.TemporaryDirectory(prefix="rc-", dir="/tmp") as name:
        folder = Path(name)
        make(folder)
        folder.chmod(0o755)
        monkeypatch.chdir(folder)
        (folder / "forms" / "kontakt.yaml").chmod(0o000)
        os.seteuid(NOBODY)
        try:
            mistakes = look_at(Path("relay.yaml")).mistakes
        finally:
            os.seteuid(0)
        monkeypatch.chdir("/")
    [mistake] = [each for each in mistakes if each.file == "forms/kontakt.yaml"]
    assert mistake.kind == "permission"
    assert mistake.fact == "the file may not be read"
