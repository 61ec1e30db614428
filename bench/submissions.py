"""Time per submission, beside a bare handler that only parses the same form.

Both servers run as processes of their own behind TLS on loopback, both get the same 2,000 submissions of
2 KB from the same client over 16 kept connections, in turns, in one run: read the ratio, not the figures.
The relay seals, stores durably and delivers into a real Dovecot meanwhile; at the end every letter is
counted.

    python -m bench.submissions [--count N]
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

import aiohttp

from tests.fixtures.daemon import Relay, Setting, write_practice
from tests.fixtures.dovecot import Dovecot
from tests.fixtures.keys import reader_for

CONNECTIONS = 16
ROUNDS = 4

BARE = """
import asyncio, ssl, sys
from aiohttp import web

async def take(request):
    form = await request.post()
    assert len(form["anliegen"]) > 1900
    return web.json_response({"ok": True}, status=202)

async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    app = web.Application()
    app.router.add_post("/f/kontakt", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def body(number: int) -> bytes:
    """A letter of 2 KB, each one different."""
    words = f"Brief {number}: ich fühle mich seit Wochen überfordert, 5 € in der Tasche. "
    text = (words * 40)[:1_950]
    return urllib.parse.urlencode(
        {"anliegen": text, "email": "kim@beispiel.de", "name": f"Kim {number}"}
    ).encode()


async def post_all(port: int, context: ssl.SSLContext, numbers: range) -> float:
    """Seconds for all of them; every one must be accepted."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    waiting = iter(numbers)
    connector = aiohttp.TCPConnector(ssl=context, limit=CONNECTIONS)

    async with aiohttp.ClientSession(connector=connector) as session:

        async def one_after_another() -> None:
            for number in waiting:
                url = f"https://localhost:{port}/f/kontakt"
                async with session.post(url, data=body(number), headers=headers) as response:
                    await response.read()
                    if response.status != 202:
                        raise SystemExit(f"submission {number} was answered with {response.status}")

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(one_after_another())
        return time.perf_counter() - began


def wait_until_delivered(setting: Setting, count: int) -> float:
    """Seconds until the mailbox holds them all."""
    began = time.perf_counter()
    while (found := setting.mailbox.count()) < count:
        if time.perf_counter() - began > 120:
            raise SystemExit(f"only {found} of {count} letters arrived within two minutes")
        time.sleep(0.1)
    return time.perf_counter() - began


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2_000)
    count = parser.parse_args().count
    share = count // ROUNDS
    with tempfile.TemporaryDirectory(prefix="rb-", dir="/tmp") as base, reader_for("mueller") as reader:
        Path(base).chmod(0o755)  # Dovecot's own users must reach their folder
        (Path(base) / "dovecot").mkdir()
        server = Dovecot(Path(base) / "dovecot")
        server.start()
        setting = write_practice(Path(base) / "relay", server.new_account(), reader)
        relay = Relay(setting.folder)
        tls = setting.folder / "tls"
        bare = subprocess.Popen(
            [sys.executable, "-c", BARE, str(tls / "chain.pem"), str(tls / "key.pem")],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert bare.stdout is not None
            bare_port = int(bare.stdout.readline())
            context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
            asyncio.run(post_all(bare_port, context, range(-50, 0)))  # both are warm when it counts
            asyncio.run(post_all(relay.port, context, range(-50, 0)))
            times = {"bare": 0.0, "relay": 0.0}
            for turn in range(ROUNDS):
                numbers = range(turn * share, (turn + 1) * share)
                times["bare"] += asyncio.run(post_all(bare_port, context, numbers))
                times["relay"] += asyncio.run(post_all(relay.port, context, numbers))
            rest = wait_until_delivered(setting, ROUNDS * share + 50)
        finally:
            bare.kill()
            bare.wait()
            relay.stop()
            relay.close()
            server.stop()
    total = ROUNDS * share
    print(f"{'':28}{'ms each':>10}{'per second':>12}{'ratio':>8}")
    for name, words in (("bare", "bare handler, parses only"), ("relay", "relay, sealed and stored")):
        seconds = times[name]
        each, rate, ratio = seconds / total * 1000, total / seconds, seconds / times["bare"]
        print(f"{words:28}{each:>10.2f}{rate:>12.0f}{ratio:>8.1f}")
    print(f"all {total} delivered into Dovecot {rest:.1f} s after the last was accepted")


if __name__ == "__main__":
    main()
