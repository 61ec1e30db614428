"""Every reason to refuse a certificate: a stable code, what is wrong, and what can be done about it."""

from __future__ import annotations

from datetime import datetime

from relay.errors import CertificateUnusable

_RENEW = (
    "its owner extends it in the mail program (Thunderbird: OpenPGP Key Manager, Key Properties) and exports "
    "the public key again; replace the file and reload"
)
_REPLACE = "ask its owner for the public key in use now, and compare the fingerprint with them"
_EXPORT = "its owner exports the public key as an .asc file (Thunderbird: OpenPGP Key Manager, File, Export)"

REFUSALS = {
    # what the file is
    "empty": ("the file is empty", _EXPORT),
    "html": (
        "the file is a web page, not a public key",
        "the download gave an error page, or the page around the key; save the text from "
        "-----BEGIN PGP PUBLIC KEY BLOCK----- to -----END PGP PUBLIC KEY BLOCK-----",
    ),
    "not-armored": (
        "the file does not contain -----BEGIN PGP PUBLIC KEY BLOCK-----",
        "if it is a key in binary form, export it again: gpg --armor --export FINGERPRINT",
    ),
    "utf-16": (
        "the file is UTF-16, as PowerShell writes what it is given with >",
        "let gpg write the file: gpg --armor --output key.asc --export FINGERPRINT; or save it as UTF-8",
    ),
    "not-a-certificate": ("the file holds a {kind}, not a public key", _EXPORT),
    "damaged": ("the key block in the file is damaged or cut off", "copy or export the file again"),
    "secret-key": (
        "THE FILE HOLDS A SECRET KEY and was not used. Whoever had it can open every letter sealed to it",
        "the key must be considered exposed: remove the file from here, and from backups, mails and chats it "
        "went through; its owner revokes the key, makes a new one, and hands over the public key only",
    ),
    "two-certificates": (
        "the file holds {count} keys",
        "put each into a file of its own; a form lists under 'keys' everyone who may read",
    ),
    "unknown-version": (
        "it is an OpenPGP key of version {version}; relay can use version 4 only",
        "most mail programs cannot open letters to it yet; its owner makes a version 4 key for this form, as "
        "GnuPG and Thunderbird do",
    ),
    "too-much": (
        "it holds {number} {what}, and {most} at most are taken",
        "its owner exports it without what is old (gpg --armor --export-options export-minimal --export "
        "FINGERPRINT), or makes a new key",
    ),
    "fingerprint-differs": (
        "the fingerprint in the configuration is {expected}, but the file holds {found}",
        "compare with the owner on the phone; only if the file is the right one, correct the configuration",
    ),
    # what the key says about itself
    "no-user-id": (
        "it has no user id (name or address) that is in use",
        "key servers hand out keys without names; " + _EXPORT,
    ),
    "not-self-signed": ("its own signature on itself does not verify", _REPLACE),
    "not-yet-valid": (
        "it was made on {date}, which is in the future",
        "check the clock of this machine and of the one where the key was made",
    ),
    "revoked": ("it was revoked by its owner", _REPLACE),
    "revoked-by-another": (
        "it was revoked, as it says, with another key that its owner named for that",
        "relay cannot verify this, and does not use the key in doubt; " + _REPLACE,
    ),
    "expired": ("it expired on {date}", _RENEW),
    "seipd2-only": (
        "it asks for a form of encryption that most mail programs cannot open (SEIPD version 2 or OCB only)",
        "its owner makes a key with GnuPG or Thunderbird, or allows SEIPD version 1 in the key's features",
    ),
    # whether one may encrypt to it
    "sign-only": (
        "it can sign, but it has no part that can be encrypted to",
        "its owner adds an encryption subkey (gpg --quick-add-key FINGERPRINT cv25519 encr) and exports anew",
    ),
    "subkey-revoked": ("its only encryption subkey was revoked by its owner", _REPLACE),
    "subkey-expired": ("its only encryption subkey expired on {date}", _RENEW),
    "subkey-not-yet-valid": (
        "its only encryption subkey was made on {date}, which is in the future",
        "check the clock of this machine and of the one where the key was made",
    ),
    # strength
    "rsa-too-short": (
        "RSA with {bits} bits is too short: 3072 are needed (BSI TR-02102-1)",
        "its owner makes a new key (Ed25519/Cv25519, or RSA 4096)",
    ),
    "rsa-2048": (
        "RSA with 2048 bits is too short: 3072 are needed (BSI TR-02102-1)",
        "its owner makes a new key; until then 'allow_rsa_2048: true' beside the key accepts it knowingly",
    ),
    "rsa-exponent": (
        "the public exponent of its RSA is not one from 65537 to 2^64",
        "its owner makes a new key (Ed25519/Cv25519, or RSA 4096)",
    ),
    "weak-algorithm": (
        "{algorithm} is not among the accepted algorithms",
        "its owner makes a new key (Ed25519/Cv25519, or RSA 4096)",
    ),
    "weak-hash": (
        "it is bound by a signature with {hash}, which can be forged",
        "its owner signs it anew by setting its expiry: in Thunderbird, or gpg --cert-digest-algo SHA256 "
        "--quick-set-expire FINGERPRINT 2y and the same with '*' at the end; and exports it again",
    ),
    # what the engines make of it
    "cannot-be-sealed": (
        "GnuPG does not encrypt to it as it must",
        "try gpg --import and gpg --encrypt with this file; a key from another program may need a new export",
    ),
}
"""Code to fact and hint. The code is stable: monitoring and tests match it."""


def refusal(
    code: str, name: str = "", *, ended: datetime | None = None, **figures: object
) -> CertificateUnusable:
    """The error for one reason, with its figures filled in."""
    fact, hint = REFUSALS[code]
    return CertificateUnusable(code, fact.format_map(figures), hint, name=name, ended=ended)


def grouped(fingerprint: str) -> str:
    """A fingerprint as GnuPG prints it: groups of four, and a wider gap in the middle."""
    groups = [fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4)]
    half = len(groups) // 2
    return " ".join(groups[:half]) + "  " + " ".join(groups[half:])
