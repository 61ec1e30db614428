"""Where visitors arrive and what they see of us: addresses, certificate, proxies."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay.config.context import Context, Source
from relay.config.files import MAX_PEM_BYTES, Unreadable, read_regular_file
from relay.config.secret_files import only_ours
from relay.config.secret_settings import TLS_KEY, read_secret
from relay.config.settings import RelaySettings
from relay.config.values import Tls
from relay.config.words import STAND_IN_HOST, STAND_IN_LISTENER

WARN_BEFORE = timedelta(days=14)
"""How long before its end the certificate is reported: what renews it by itself does so earlier."""


def check_addresses(source: Source, settings: RelaySettings) -> None:
    """Note addresses that stand twice, and a proxy whose word does not count."""
    for index, listener in enumerate(settings.listen):
        if listener in settings.listen[:index]:
            source.note(("listen", index), f"{listener} stands here twice", "keep one of them")
        if listener.kind == "http" and not settings.trusted_proxies:
            hint = "trusted_proxies: [127.0.0.1], if the proxy sets X-Forwarded-For"
            source.note(
                ("listen", index), "all visitors will seem to come from the proxy", hint, warning=True
            )


def read_tls(context: Context, source: Source, settings: RelaySettings, public_host: str) -> Tls | None:
    """The certificate for visitors, tried out; None where none is needed or it has mistakes."""
    speaking = [index for index, listener in enumerate(settings.listen) if listener.tls]
    if settings.tls is None:
        if speaking:
            listener = settings.listen[speaking[0]]
            hint = "tls: {certificate: PATH, key: PATH}"
            source.note(("listen", speaking[0]), f"{listener} needs a certificate, and tls is missing", hint)
        return None
    if not speaking and str(settings.listen[0]) != STAND_IN_LISTENER:
        hint = "the proxy in front needs the certificate, not relay"
        source.note(("tls",), "no address under listen speaks TLS", hint, warning=True)
    key = read_secret(context, source, ("tls",), settings.tls, TLS_KEY, _key)
    with source.noting(("tls", "certificate")):
        certificate = source.file(settings.tls.certificate)
        read_regular_file(certificate, MAX_PEM_BYTES)
        if key:
            return Tls(certificate, key, _try_out(source, certificate, key, public_host, context.now))
    return None


def _key(path: Path, private: bool) -> Path:
    read_regular_file(path, MAX_PEM_BYTES, only_ours if private else None)
    return path


def _try_out(source: Source, certificate: Path, key: Path, host: str, now: datetime) -> datetime:
    """Shake hands in memory as a browser would that trusts whoever signed this certificate; its end."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a callback an encrypted key would ask for its passphrase at the terminal.
        server.load_cert_chain(certificate, key, password=lambda: b"")
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(certificate)
    except (OSError, ssl.SSLError, ValueError):
        hint = (
            "both must be PEM, the key without a passphrase, and the key of the first certificate in the file"
        )
        raise Unreadable("certificate and key cannot be used together", hint) from None
    # Whoever signed it is the browsers' question; here the first certificate vouches for itself.
    client.check_hostname = host != STAND_IN_HOST
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        try:
            end = _shake_hands(server, client, host)
        except ssl.SSLCertVerificationError as error:
            if error.verify_code != _EXPIRED:
                raise
            client.verify_flags |= _NO_CHECK_TIME
            end = _shake_hands(server, client, host)
            _note_ended(source)
            return end
    except ssl.SSLCertVerificationError as error:
        raise _refused(error, host) from None
    except ssl.SSLError:
        raise Unreadable("a browser could not connect with this certificate") from None
    if end - now < WARN_BEFORE:
        fact = f"ends in {max((end - now).days, 0)} days ({end:%Y-%m-%d})"
        hint = "renew it and reload relay; restart it where the key is a credential"
        source.note(("tls", "certificate"), fact, hint, warning=True)
    return end


_EXPIRED, _NOT_YET, _OTHER_HOST, _OTHER_ADDRESS = 10, 9, 62, 64
"""X509_V_ERR_* of OpenSSL's x509_vfy.h."""
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME, from the same place."""


def _note_ended(source: Source) -> None:
    # Bearable: what was accepted before is delivered all the same, and the alarm needs somebody to raise it.
    fact, hint = "the certificate has ended", "renew it: browsers refuse it"
    mistake = source.document.mistake(("tls", "certificate"), fact, hint)
    source.look.mistakes.append(mistake)
    source.look.bearable.append(mistake)


def _refused(error: ssl.SSLCertVerificationError, host: str) -> Unreadable:
    if error.verify_code in (_OTHER_HOST, _OTHER_ADDRESS):
        return Unreadable(
            f"the certificate is not for {host}, the host in public_url", "browsers would refuse it"
        )
    if error.verify_code == _NOT_YET:
        return Unreadable(
            "the certificate is not valid yet", "compare its beginning with this machine's clock"
        )
    return Unreadable(
        "browsers would refuse this certificate", "it must be made for TLS servers (serverAuth)"
    )


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> datetime:
    """The end of the certificate that the client saw."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(up, down, server_side=True)
    theirs = client.wrap_bio(down, up, server_hostname=host)
    pending = [theirs, ours]
    for _ in range(10):
        for side in list(pending):
            try:
                side.do_handshake()
                pending.remove(side)
            except ssl.SSLWantReadError:
                continue
        if not pending:
            break
    seen = theirs.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(seen["notAfter"])), UTC)
