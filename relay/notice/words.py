"""What notices say, in the languages they can speak. Braces are filled in by ``compose``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from relay.alarm import Name


@dataclass(frozen=True, slots=True)
class About:
    """The words for one alarm."""

    title: str
    """For the subject, short."""
    fact: str
    advice: str


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language."""

    locale: str
    moment: str
    """A CLDR date pattern."""
    greeting: str
    closing: str
    over_title: str
    over: str
    closing_over: str
    about: Mapping[Name, About]
    """What is not here cannot be told by mail: the spool, which would have to carry it, takes nothing."""


_NICHTS_VERLOREN = (
    " Was Menschen Ihnen schreiben, wird weiter angenommen, liegt verschlüsselt bereit und kommt an, sobald "
    "das behoben ist."
)
_ANRUFEN = "Bitte rufen Sie die Person an, die Ihr Kontaktformular betreut."
_SCHLUESSEL = (
    "Bitte verlängern Sie ihn in Thunderbird: Extras > OpenPGP-Schlüssel verwalten > Schlüsseleigenschaften "
    "> Ablaufdatum ändern. Exportieren Sie danach den öffentlichen Schlüssel neu und geben Sie die Datei der "
    "Person, die Ihr Kontaktformular betreut."
)

GERMAN = Phrases(
    locale="de",
    moment="EEEE, d. MMMM y, HH:mm 'Uhr'",
    greeting="Guten Tag, hier meldet sich das Kontaktformular auf {host}.",
    closing="Diese Mitteilung hat das Programm relay geschrieben. Sie enthält nichts von dem, was Menschen "
    "Ihnen schreiben; deshalb ist sie nicht verschlüsselt, und Sie können sie auf jedem Gerät lesen. Ist es "
    "vorbei, kommt noch eine Mitteilung.",
    over_title="behoben: {title}",
    over="Es ist vorbei: „{title}“ gilt nicht mehr (gemeldet seit {since}, festgestellt {now}). Sie brauchen "
    "nichts mehr zu tun.",
    closing_over="Diese Mitteilung hat das Programm relay geschrieben. Sie enthält nichts von dem, was "
    "Menschen Ihnen schreiben; deshalb ist sie nicht verschlüsselt.",
    about={
        Name.DELIVERY_STALLED: About(
            "Im Postfach {name} kommt nichts an",
            "Seit {since} wartet mindestens eine Nachricht an das Postfach „{name}“ länger als eine Stunde."
            + _NICHTS_VERLOREN,
            "Können Sie sich selbst an diesem Postfach anmelden? Wenn nicht, fragen Sie bitte den "
            "Mail-Anbieter. Wenn doch, rufen Sie bitte die Person an, die Ihr Kontaktformular betreut.",
        ),
        Name.LOGIN_REFUSED: About(
            "Anmeldung am Postfach {name} abgelehnt",
            "Das Postfach „{name}“ lehnt seit {since} die Anmeldung ab: Benutzername oder Passwort stimmen "
            "nicht, oder das Konto ist gesperrt." + _NICHTS_VERLOREN,
            "Wurde das Passwort geändert? Dann nennen Sie das neue der Person, die Ihr Kontaktformular "
            "betreut: am Telefon, nicht per E-Mail. Wurde das Konto gesperrt, fragen Sie bitte den "
            "Mail-Anbieter.",
        ),
        Name.MAILBOX_FULL: About(
            "Postfach {name} ist voll",
            "Das Postfach „{name}“ ist voll und nimmt seit {since} nichts mehr an." + _NICHTS_VERLOREN,
            "Bitte löschen oder verschieben Sie dort alte Nachrichten, zuerst solche mit großen Anhängen, "
            "und leeren Sie den Papierkorb. Alles Weitere geschieht von selbst.",
        ),
        Name.MAILBOX_REFUSES: About(
            "Postfach {name} nimmt nichts an",
            "Das Postfach „{name}“ nimmt seit {since} keine Nachrichten an, vielleicht, weil ein Ordner oder "
            "das Recht dazu fehlt." + _NICHTS_VERLOREN,
            "Haben Sie dort einen Ordner umbenannt oder gelöscht? Dann stellen Sie ihn bitte wieder her. "
            "Sonst rufen Sie bitte die Person an, die Ihr Kontaktformular betreut.",
        ),
        Name.MAILBOX_DISTRUSTED: About(
            "Verbindung zum Postfach {name} ist nicht sicher",
            "Seit {since} ist die Verbindung zum Postfach „{name}“ nicht sicher genug. Deshalb wird weder "
            "ein Passwort noch eine Nachricht dorthin gesendet." + _NICHTS_VERLOREN,
            _ANRUFEN + " Sie findet heraus, ob der Mail-Anbieter etwas geändert hat.",
        ),
        Name.MAILBOX_NOT_CONFIGURED: About(
            "Postfach {name} fehlt in der Konfiguration",
            "Seit {since} warten Nachrichten an das Postfach „{name}“, das in der Konfiguration nicht mehr "
            "steht. Sie liegen verschlüsselt bereit.",
            _ANRUFEN,
        ),
        Name.ENVELOPE_HELD: About(
            "Nachricht an das Postfach {name} angehalten",
            "Mindestens eine Nachricht an das Postfach „{name}“ ist seit {since} angehalten: Das Postfach "
            "hat sie abgelehnt, zum Beispiel weil sie zu groß ist, oder jemand hält sie mit Absicht zurück. "
            "Sie liegt verschlüsselt bereit, wird aber nicht von selbst zugestellt.",
            _ANRUFEN,
        ),
        Name.ENVELOPE_DAMAGED: About(
            "Nachricht an das Postfach {name} beschädigt",
            "Mindestens eine Nachricht an das Postfach „{name}“ wurde auf der Festplatte beschädigt "
            "(festgestellt {since}) und kann nicht zugestellt werden.",
            _ANRUFEN + " Nennt Ihnen jemand eine Referenz, die Sie nicht kennen, so bitten Sie darum, noch "
            "einmal zu schreiben.",
        ),
        Name.SPOOL_FILLING: About(
            "Platz für Nachrichten zu {step} % belegt",
            "Seit {since} geht der Platz für Nachrichten zur Neige, die noch nicht zugestellt sind: {step} % "
            "sind belegt. Ist er voll, kann Ihnen über das Formular niemand mehr schreiben.",
            _ANRUFEN + " Meist ist ein Postfach schon länger nicht erreichbar.",
        ),
        Name.KEY_ENDS: About(
            "Schlüssel {name} läuft bald ab",
            "Der Schlüssel „{name}“ läuft am {ends} ab. Danach nimmt das Formular nichts mehr an.",
            _SCHLUESSEL,
        ),
        Name.KEY_ENDED: About(
            "Schlüssel {name} ist abgelaufen",
            "Der Schlüssel „{name}“ ist am {ends} abgelaufen. Formulare, die ihn brauchen, nehmen seitdem "
            "nichts mehr an.",
            _SCHLUESSEL,
        ),
        Name.KEY_UNUSABLE: About(
            "Schlüssel {name} kann nicht benutzt werden",
            "Der Schlüssel „{name}“ wird seit {since} nicht benutzt: Er wurde widerrufen, oder er ist nicht "
            "sicher genug. Formulare, die ihn brauchen, nehmen seitdem nichts mehr an.",
            _ANRUFEN + " Sie sieht den Grund. Haben Sie einen neuen Schlüssel, so geben Sie ihr dessen "
            "öffentlichen Teil als Datei.",
        ),
        Name.TENANT_LEFT_OUT: About(
            "Kontaktformular ist geschlossen",
            "Seit {since} ist Ihr Kontaktformular geschlossen, denn in seinen Einstellungen sind Fehler. "
            "Niemand kann Ihnen darüber schreiben.",
            _ANRUFEN,
        ),
        Name.TENANT_NOT_RELOADED: About(
            "Änderungen am Kontaktformular nicht übernommen",
            "Änderungen an den Einstellungen Ihres Kontaktformulars wurden nicht übernommen, denn sie "
            "enthalten Fehler (festgestellt {since}). Bis zum nächsten Neustart läuft es weiter wie vorher.",
            _ANRUFEN,
        ),
        Name.TLS_CERTIFICATE_ENDS: About(
            "Zertifikat der Formularseite läuft bald ab",
            "Das Zertifikat, mit dem sich {host} ausweist, läuft am {ends} ab. Danach warnen Browser vor dem "
            "Formular.",
            _ANRUFEN,
        ),
        Name.TLS_CERTIFICATE_ENDED: About(
            "Zertifikat der Formularseite ist abgelaufen",
            "Das Zertifikat, mit dem sich {host} ausweist, ist am {ends} abgelaufen. Seitdem warnen Browser "
            "vor dem Formular.",
            _ANRUFEN,
        ),
    },
)

_NOTHING_LOST = (
    " What people write to you is still taken, waits encrypted, and arrives as soon as this is mended."
)
_CALL = "Please call the person who looks after your contact form."
_KEY = (
    "Please extend it in Thunderbird: Tools > OpenPGP Key Manager > Key Properties > Change expiration date. "
    "Then export the public key again, and give the file to the person who looks after your contact form."
)

ENGLISH = Phrases(
    locale="en_GB",
    moment="EEEE, d MMMM y, HH:mm",
    greeting="Hello, this is the contact form at {host}.",
    closing="This notice was written by the program relay. It holds nothing of what people write to you; "
    "that is why it is not encrypted, and you can read it on any device. When it is over, you get one more "
    "notice.",
    over_title="mended: {title}",
    over="It is over: “{title}” is no longer so (reported since {since}, noticed {now}). There is nothing "
    "left for you to do.",
    closing_over="This notice was written by the program relay. It holds nothing of what people write to "
    "you; that is why it is not encrypted.",
    about={
        Name.DELIVERY_STALLED: About(
            "nothing arrives in mailbox {name}",
            "Since {since} at least one message for the mailbox “{name}” has waited for more than an hour."
            + _NOTHING_LOST,
            "Can you log in to this mailbox yourself? If not, please ask the mail provider. If you can, "
            "please call the person who looks after your contact form.",
        ),
        Name.LOGIN_REFUSED: About(
            "login to mailbox {name} refused",
            "The mailbox “{name}” has refused the login since {since}: username or password are wrong, or "
            "the account is locked." + _NOTHING_LOST,
            "Was the password changed? Then tell the new one to the person who looks after your contact "
            "form: on the phone, not by e-mail. If the account is locked, please ask the mail provider.",
        ),
        Name.MAILBOX_FULL: About(
            "mailbox {name} is full",
            "The mailbox “{name}” is full and has taken nothing since {since}." + _NOTHING_LOST,
            "Please delete or move old messages there, those with large attachments first, and empty the "
            "trash. The rest happens by itself.",
        ),
        Name.MAILBOX_REFUSES: About(
            "mailbox {name} takes nothing",
            "The mailbox “{name}” has taken no messages since {since}, perhaps because a folder, or the "
            "right to write into it, is missing." + _NOTHING_LOST,
            "Did you rename or delete a folder there? Then please restore it. Otherwise please call the "
            "person who looks after your contact form.",
        ),
        Name.MAILBOX_DISTRUSTED: About(
            "connection to mailbox {name} is not safe",
            "Since {since} the connection to the mailbox “{name}” has not been safe enough. So neither a "
            "password nor a message is sent there." + _NOTHING_LOST,
            _CALL + " They find out whether the mail provider has changed something.",
        ),
        Name.MAILBOX_NOT_CONFIGURED: About(
            "mailbox {name} is missing in the configuration",
            "Since {since} messages have waited for the mailbox “{name}”, which the configuration does not "
            "name any more. They are kept, encrypted.",
            _CALL,
        ),
        Name.ENVELOPE_HELD: About(
            "message for mailbox {name} held",
            "At least one message for the mailbox “{name}” has been held since {since}: the mailbox refused "
            "it, for instance because it is too big, or somebody keeps it back on purpose. It is kept, "
            "encrypted, but not delivered by itself.",
            _CALL,
        ),
        Name.ENVELOPE_DAMAGED: About(
            "message for mailbox {name} damaged",
            "At least one message for the mailbox “{name}” was damaged on the disk (noticed {since}) and "
            "cannot be delivered.",
            _CALL
            + " If somebody gives you a reference that you do not know, please ask them to write again.",
        ),
        Name.SPOOL_FILLING: About(
            "room for messages {step} % used",
            "Since {since} the room for messages that are not delivered yet has been running out: {step} % "
            "are used. Once it is full, nobody can write to you through the form.",
            _CALL + " Mostly a mailbox has not been reachable for long.",
        ),
        Name.KEY_ENDS: About(
            "key {name} ends soon",
            "The key “{name}” ends on {ends}. After that the form takes nothing any more.",
            _KEY,
        ),
        Name.KEY_ENDED: About(
            "key {name} has ended",
            "The key “{name}” ended on {ends}. Forms that need it have taken nothing since.",
            _KEY,
        ),
        Name.KEY_UNUSABLE: About(
            "key {name} cannot be used",
            "The key “{name}” has not been used since {since}: it was revoked, or it is not safe enough. "
            "Forms that need it have taken nothing since.",
            _CALL + " They can see the reason. If you have a new key, give them its public part as a file.",
        ),
        Name.TENANT_LEFT_OUT: About(
            "contact form is closed",
            "Your contact form has been closed since {since}, because its settings have mistakes. Nobody can "
            "write to you through it.",
            _CALL,
        ),
        Name.TENANT_NOT_RELOADED: About(
            "changes of the contact form not taken",
            "Changes of the settings of your contact form were not taken, because they have mistakes "
            "(noticed {since}). Until the next restart it goes on as before.",
            _CALL,
        ),
        Name.TLS_CERTIFICATE_ENDS: About(
            "certificate of the form's page ends soon",
            "The certificate by which {host} proves itself ends on {ends}. After that browsers warn of the "
            "form.",
            _CALL,
        ),
        Name.TLS_CERTIFICATE_ENDED: About(
            "certificate of the form's page has ended",
            "The certificate by which {host} proves itself ended on {ends}. Since then browsers warn of the "
            "form.",
            _CALL,
        ),
    },
)
