"""What counsellors see: the sealed message opened by the programs they use, from a real mailbox."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from relay.envelope import frame
from relay.seal.choice import build_sealer
from relay.seal.custodian import Custodian
from relay.submission import Upload
from tests.fixtures.dovecot import DovecotAccount
from tests.fixtures.keys import Reader
from tests.letters import NOW, PDF, SENDER, composed, opened, submitted, text_of
from tests.readers import notmuch, thunderbird
from tests.readers.neomutt import Neomutt
from tests.readers.thunderbird import Thunderbird

ANSWERS = {
    "anliegen": "Ich fühle mich seit Wochen überfordert, 5 € in der Tasche. 👩‍👩‍👧\n\n"
    "Darf ich am Montag anrufen?",
    "email": "kim@beispiel.de",
}
PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde"
    b"\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82"
)
FILES = [
    Upload("Über 😀 mich.pdf", "application/pdf", PDF),
    Upload("Größe ☀.png", "image/png", PNG),
    Upload("gpj.\u202egnp.exe", "text/plain", "Grüße <b>nicht fett</b>\r\n".encode()),
    Upload("=?utf-8?q?x?=.txt", "text/plain", b"x"),
]
NAMES = [
    "anfrage-K7P-3QX-9MD.json",
    "Über 😀 mich.pdf",
    "Größe ☀.png",
    "gpj.[U+202E]gnp.exe.txt",
    "=_utf-8_q_x_=.txt",
]

Seal = Callable[[bytes], Awaitable[bytes]]


@pytest.fixture
def seal(custodian: Custodian, counsellor: Reader) -> Seal:
    """Seals a letter to the counsellor as the daemon does."""
    sealer = build_sealer(custodian)

    async def seal(content: bytes) -> bytes:
        return await sealer.seal(content, [counsellor.certificate], NOW)

    return seal


@pytest.fixture
async def mail(seal: Seal) -> bytes:
    """A German letter with umlauts, a euro sign and emoji, in the text and in the names of files."""
    letter = composed(submitted(ANSWERS, {"unterlagen": FILES}))
    ciphertext = await seal(letter.content)
    return frame(ciphertext, address=SENDER.address, message_id=letter.message_id, date=NOW)


@pytest.fixture
def mailbox(dovecot: DovecotAccount, mail: bytes) -> DovecotAccount:
    """A mailbox with that letter in it."""
    with dovecot.imap() as client:
        client.append("INBOX", None, None, mail)
    return dovecot


def needs(program: str | None, package: str) -> None:
    """Skip where the program is not installed, and say which package has it."""
    if program is None:
        pytest.skip(f"needs {package}: apt install {package}")


async def test_gpg_opens_exactly_what_was_composed(seal: Seal, counsellor: Reader) -> None:
    """Sealing could change line ends, and signatures and parts would break."""
    letter = composed(submitted(ANSWERS, {"unterlagen": FILES}))
    assert counsellor.decrypt(await seal(letter.content)) == letter.content


def test_outside_there_is_no_trace_of_the_visitor(mail: bytes) -> None:
    """The mail provider would learn who writes, or about what."""
    outside = mail.split(b"-----BEGIN PGP MESSAGE-----")[0]
    for trace in (
        b"kim",
        b"beispiel.de",
        b"Anfrage",
        b"K7P",
        b"mich",
        b"pdf",
        b"png",
        b"kontakt",
        b"Vertraulich",
    ):
        assert trace not in outside.replace(b"kontakt.lindenhof-beratung.de", b"")
    assert str(opened(mail)["subject"]) == "[...]"


async def test_sealed_messages_come_in_few_sizes(seal: Seal) -> None:
    """Whoever sees the mailbox could tell a cry for help from a long story."""
    usual = "Ich weiß nicht weiter. "
    texts = [(usual * 200)[:size] for size in (1, 50, 500, 2_000, 4_096)]
    texts += ["€" * 1_365, "\0" * 4_096, "\u202e" * 1_365]
    sizes = {len(await seal(composed(submitted({"anliegen": text})).content)) for text in texts}
    assert len(sizes) <= 3
    assert len({len(await seal(composed(submitted({"anliegen": text})).content)) for text in texts[:5]}) == 1


def test_notmuch_reveals_the_subject_and_lists_the_files(
    mail: bytes, counsellor: Reader, tmp_path: Path
) -> None:
    """A reader that follows the standard for protected headers would show [...] for ever."""
    needs(shutil.which("notmuch"), "notmuch")
    shown = notmuch.show(tmp_path, mail, counsellor)
    assert shown["crypto"] == {"decrypted": {"status": "full", "header-mask": {"Subject": "[...]"}}}
    assert shown["headers"] == {
        "Subject": "Anfrage K7P-3QX-9MD",
        "From": "Kontaktformular <praxis@example.org>",
        "To": "praxis@example.org",
        "Date": "Sat, 21 Nov 2026 21:41:07 +0000",
    }
    text, *files = shown["body"][0]["content"][1]["content"]
    assert text["content"] == text_of(composed(submitted(ANSWERS, {"unterlagen": FILES})))
    assert [file["filename"] for file in files] == NAMES


@pytest.fixture
def neomutt(mailbox: DovecotAccount, counsellor: Reader, tmp_path: Path) -> Iterator[Neomutt]:
    """neomutt with the mailbox open."""
    needs(shutil.which("neomutt"), "neomutt")
    needs(shutil.which("tmux"), "tmux")
    program = Neomutt(tmp_path / "neomutt", mailbox, counsellor)
    yield program
    program.close()


def test_neomutt_shows_the_letter_as_any_other(neomutt: Neomutt) -> None:
    """A counsellor would meet an unreadable attachment, or a broken umlaut."""
    assert "[...]" in neomutt.screen()
    neomutt.keys("Enter")
    screen = neomutt.wait_for("PGP message successfully decrypted")
    assert "Subject: Anfrage K7P-3QX-9MD" in screen
    assert "\n    Ich fühle mich seit Wochen überfordert, 5 € in der Tasche." in screen
    assert "\n    Antwort schreiben: mailto:kim@beispiel.de?subject=Ihre%20Anfrage%20K7P-3QX-9MD\n" in screen
    neomutt.keys("q")
    assert "Anfrage K7P-3QX-9MD" in neomutt.wait_for("Msgs:")


def test_neomutt_lists_the_files_by_their_names(neomutt: Neomutt) -> None:
    """A counsellor could not tell one document from the other."""
    neomutt.keys("Enter")
    neomutt.wait_for("PGP message successfully decrypted")
    neomutt.keys("v")
    screen = neomutt.wait_for("Attachments")
    for name in NAMES:
        assert name in screen


@pytest.mark.thunderbird
def test_thunderbird_shows_the_letter_as_any_other(
    mailbox: DovecotAccount, counsellor: Reader, tmp_path: Path
) -> None:
    """A counsellor would meet [...], an empty page, a broken umlaut, or files without their names."""
    needs(thunderbird.program(), "thunderbird")
    needs(shutil.which("certutil"), "libnss3-tools")
    program = Thunderbird(tmp_path / "thunderbird", mailbox, counsellor)
    try:
        shown = program.open_newest("Darf ich am Montag anrufen?")
    finally:
        program.close()
    assert shown.subject == shown.list_subject == "Anfrage K7P-3QX-9MD"
    assert "Kontaktformular" in shown.sender
    assert shown.encryption.endswith("message-encrypted-ok.svg")
    assert list(shown.attachments) == NAMES
    text = text_of(composed(submitted(ANSWERS, {"unterlagen": FILES})))
    assert shown.text.strip().replace("\xa0", " ") == text.strip()
    assert "nicht fett" not in shown.pane, "an attached text does not pass for the letter"
