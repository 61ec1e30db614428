"""The letter's own words, in the languages it can speak."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language. Braces are filled in by ``compose``."""

    locale: str
    """For dates and numbers."""
    subject: str
    reply_subject: str
    """Goes in clear to whoever writes back: the reference and nothing else."""
    opening: str
    received: str
    moment: str
    """A CLDR date pattern."""
    reply: str
    attached: str
    bytes: str
    decimal_sign: str
    ticked: str
    unticked: str
    unanswered: str
    additions: str
    more_marks: str
    file: str
    """What a file without a usable name is called."""
    noted: str
    sealed_for_one: str
    sealed_for_many: str
    and_: str
    no_reply: str
    no_reply_but_address: str


GERMAN = Phrases(
    locale="de",
    subject="Anfrage {reference}",
    reply_subject="Ihre Anfrage {reference}",
    opening="Neue Nachricht über das Formular „{title}“",
    received="eingegangen am {moment}",
    moment="EEEE, d. MMMM y, HH:mm 'Uhr'",
    reply="Antwort schreiben: {link}",
    attached="{name} ({size}, im Anhang)",
    bytes="Byte",
    decimal_sign=",",
    ticked="angekreuzt",
    unticked="nicht angekreuzt",
    unanswered="Nicht beantwortet",
    additions="Nicht im Formular vorgesehen, aber mitgeschickt",
    more_marks="[+{count} Zeichen, vollständig im Anhang]",
    file="Datei",
    noted="Referenz {reference}; die Person hat sie notiert und kann sie am Telefon nennen.",
    sealed_for_one="Alle Angaben stammen von ihr und sind nicht geprüft. "
    "Verschlüsselt auf {host} für den Schlüssel {keys}.",
    sealed_for_many="Alle Angaben stammen von ihr und sind nicht geprüft. "
    "Verschlüsselt auf {host} für die Schlüssel {keys}.",
    and_=" und ",
    no_reply="„Antworten“ in Ihrem Mailprogramm erreicht diese Person nicht.",
    no_reply_but_address="„Antworten“ in Ihrem Mailprogramm erreicht diese Person nicht; "
    "nehmen Sie die Adresse oben.",
)

ENGLISH = Phrases(
    locale="en_GB",
    subject="Message {reference}",
    reply_subject="Your message {reference}",
    opening="New message from the form “{title}”",
    received="received on {moment}",
    moment="EEEE, d MMMM y, HH:mm",
    reply="Write an answer: {link}",
    attached="{name} ({size}, attached)",
    bytes="bytes",
    decimal_sign=".",
    ticked="ticked",
    unticked="not ticked",
    unanswered="Not answered",
    additions="Not asked by the form, but sent with it",
    more_marks="[+{count} characters, complete in the attachment]",
    file="file",
    noted="Reference {reference}; the person has noted it and can give it on the phone.",
    sealed_for_one="Everything above comes from them and has not been checked. "
    "Encrypted on {host} for the key {keys}.",
    sealed_for_many="Everything above comes from them and has not been checked. "
    "Encrypted on {host} for the keys {keys}.",
    and_=" and ",
    no_reply="“Reply” in your mail program does not reach this person.",
    no_reply_but_address="“Reply” in your mail program does not reach this person; use the address above.",
)


def phrases(language: str) -> Phrases:
    """The language itself, German for all kinds of German, else English."""
    return GERMAN if language.split("-")[0] == "de" else ENGLISH
