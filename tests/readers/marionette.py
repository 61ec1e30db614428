"""Thunderbird's remote control, just enough of it: send a command, wait for its answer.

A packet is ``LENGTH:JSON``; a command is ``[0, id, name, parameters]``, its answer
``[1, id, error, result]``.
"""

from __future__ import annotations

import json
import socket
from typing import Any


class Marionette:
    """One connection, able to run scripts with all rights inside the program."""

    def __init__(self, port: int, timeout: float) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._file = self._socket.makefile("rb")
        self._id = 0
        self._read()  # the greeting
        self._send("WebDriver:NewSession", {})
        self._send("Marionette:SetContext", {"value": "chrome"})
        self._send("WebDriver:SetTimeouts", {"script": int(timeout * 1000)})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of an async function; its ``arguments`` and its result are JSON."""
        wrapped = f"""
            const [args, done] = [Array.from(arguments).slice(0, -1), arguments[arguments.length - 1]];
            (async () => {{ {script} }})().then(
              value => done({{value}}), error => done({{error: String(error) + "\\n" + error.stack}}));
        """
        answer = self._send(
            "WebDriver:ExecuteAsyncScript",
            {"script": wrapped, "args": list(arguments), "sandbox": "system", "newSandbox": False},
        )
        outcome = answer["value"]
        if "error" in outcome:
            raise RuntimeError(outcome["error"])
        return outcome.get("value")

    def screenshot(self) -> str:
        """The window as PNG in base64."""
        picture: str = self._send("WebDriver:TakeScreenshot", {"full": True})["value"]
        return picture

    def quit(self) -> None:
        """End the program as its own menu would."""
        self._send("Marionette:Quit", {"flags": ["eForceQuit"]})
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def _send(self, name: str, parameters: dict[str, Any]) -> Any:
        self._id += 1
        packet = json.dumps([0, self._id, name, parameters]).encode()
        self._socket.sendall(str(len(packet)).encode() + b":" + packet)
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{name}: {error.get('message')}")
        return result

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            byte = self._file.read(1)
            if not byte:
                raise EOFError("Thunderbird hung up")
            length += byte
        return json.loads(self._file.read(int(length[:-1])))
