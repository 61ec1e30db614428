"""TLS to the mailbox: which connections we accept, and in words why not.

TLS 1.2 with ECDHE and AEAD, or 1.3 (RFC 9325, BSI TR-02102-2); chain and host name verified, the name in the
subjectAltName only (RFC 9525); at least 112 bit in every signature, so no SHA-1 (OpenSSL's security level 2).
"""

from __future__ import annotations

import errno
import os
import ssl
import stat
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from relay.errors import DeliveryDeferred
from relay.mailbox.channel import Channel

SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
"""For TLS 1.2; the suites of 1.3 are all of this kind."""

_CERTIFICATE = {
    9: ("is not valid yet", "compare the clocks of both machines"),
    10: ("has expired", "tell the provider"),
    18: ("is signed by itself only", "name a file with it as ca_file, if it is your own server"),
    19: ("comes from an unknown authority", "name its certificate as ca_file, if it is your own authority"),
    20: ("comes from an unknown authority", "name its certificate as ca_file, if it is your own authority"),
    21: ("comes without the chain to its authority", "tell the provider, or name the authority as ca_file"),
    23: ("was revoked", "tell the provider; do not go around this"),
    62: ("is for other names", "write host as the provider's help names it"),
    64: ("is not for this address", "write the host name instead of the address"),
}
"""By X509_V_ERR number of OpenSSL."""

_NO_TLS = ("does not speak TLS on this port", "implicit TLS is port 993 with most providers")
_OLD_TLS = ("offers only TLS older than 1.2", "the provider must offer TLS 1.2 or 1.3")
_WEAK_TLS = (
    "offers no TLS suite with forward secrecy and authenticated encryption",
    "the provider must offer TLS 1.3, or ECDHE with AES-GCM or ChaCha20",
)

_LARGEST = 1_000_000
"""Bytes of authorities in a file: a thousand."""

_HANDSHAKE = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _WEAK_TLS,
}
"""By the name of OpenSSL's reason."""


def context(ca_file: Path | None) -> ssl.SSLContext:
    """The only kind of context there is; one for all who trust the same, until the files of it change.

    The authorities of a system take 0.8 MB and 30 ms: five hundred connections cannot each have their own.
    Raises ``DeliveryDeferred`` if ``ca_file`` cannot be used.
    """
    of_the_system = ssl.get_default_verify_paths()
    files = [ca_file] if ca_file else [of_the_system.cafile, of_the_system.capath]
    try:
        return _trusting(ca_file, tuple(_state_of(file) for file in files if file))
    except (OSError, ValueError) as error:  # also ssl.SSLError: not PEM
        raise DeliveryDeferred(
            "ca-file", f"{ca_file} cannot be used as an authority", "it must be a readable PEM file"
        ) from error


@lru_cache(maxsize=64)
def _trusting(ca_file: Path | None, _state: tuple[object, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name from the start
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.hostname_checks_common_name = False
    # Without a ticket no session of TLS 1.2 outlives its connection: nothing to decrypt a recording with.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    # An end without close_notify is a truncation, not an end (Python would overlook it).
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if ca_file is None:
        # Public authorities follow RFC 5280 to the letter. Home-made ones often lack a keyUsage, and whoever
        # names one has decided to trust it.
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(cadata=_authorities(ca_file))
    return context


def _authorities(ca_file: Path) -> str:
    """What stands in it. It may have been exchanged since it was judged: a pipe would be waited for without
    end, by every conversation that there is room for.
    """
    descriptor = os.open(ca_file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read(_LARGEST).decode("ascii", "backslashreplace")


def _state_of(file: str | Path) -> tuple[int, ...]:
    """Another one after every change, also of who may read it; of a folder, what is added and removed."""
    try:
        found = os.stat(file)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def agree(
    context: ssl.SSLContext, host: str, pull: Callable[[], bytes], push: Callable[[bytes], None]
) -> Channel:
    """The verified connection. Raises ``DeliveryDeferred``; ``OSError`` only for what is not about TLS."""
    try:
        return Channel(context, host, pull, push)
    except ssl.SSLCertVerificationError as error:
        fact, hint = _CERTIFICATE.get(error.verify_code, (f"cannot be verified: {error.verify_message}", ""))
        raise DeliveryDeferred("certificate", f"the certificate of {host} {fact}", hint) from error
    except ssl.SSLEOFError as error:
        # A server or middlebox that hangs up: unreachable, not insecure. (The number in it is OpenSSL's.)
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from error
    except ssl.SSLError as error:
        fact, hint = _HANDSHAKE.get(error.reason or "", ("cannot agree with us on TLS", ""))
        raise DeliveryDeferred("tls", f"{host} {fact}", hint) from error
