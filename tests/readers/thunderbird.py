"""Thunderbird without a window, with a profile of its own, against the test's IMAP server.

Everything but loopback leads to a dead proxy, so that nothing leaves this machine.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fixtures.dovecot import DovecotAccount
from tests.fixtures.keys import Reader
from tests.fixtures.ports import unused_port
from tests.readers.marionette import Marionette

_OPTIONS = ("--headless", "--no-remote", "--marionette", "--remote-allow-system-access")
_QUIET = {
    "app.donation.eoy.version.viewed": 999,
    "app.update.enabled": False,
    "browser.dom.window.dump.enabled": False,
    "captivedetect.canonicalURL": "",
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "intl.locale.requested": "en-US",
    "mail.biff.show_alert": False,
    "mail.inappnotifications.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "mailnews.start_page_override.mstone": "ignore",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}
_CLOSED = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.socks": "127.0.0.1",
    "network.proxy.socks_port": 9,
    "network.proxy.no_proxies_on": "localhost, 127.0.0.1",
}


@dataclass(frozen=True)
class Shown:
    """What a person sees of an opened message."""

    subject: str
    list_subject: str
    """In the list of messages, after opening."""
    sender: str
    text: str
    """Of the letter itself."""
    pane: str
    """The whole message pane as HTML: with all that Thunderbird shows of attachments."""
    attachments: tuple[str, ...]
    encryption: str
    """The icon in the header: ``...message-encrypted-ok.svg``."""


def program() -> str | None:
    """The program itself; its wrapper script would not stop with its child."""
    for folder in ("/usr/lib/thunderbird", "/usr/lib64/thunderbird"):
        if (found := Path(folder, "thunderbird-bin")).exists():
            return str(found)
    return shutil.which("thunderbird")


class Thunderbird:
    """A running Thunderbird that knows one account and one secret key."""

    def __init__(self, home: Path, account: DovecotAccount, reader: Reader, timeout: float = 60) -> None:
        self._profile = home / "profile"
        self._profile.mkdir(parents=True)
        self._timeout = timeout
        port = unused_port()
        self._trust(account.ca_file)
        self._write_preferences(account, reader, port)
        binary = program()
        assert binary is not None
        environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "MOZ_DISABLE_CONTENT_SANDBOX": "1",
            "TZ": "Europe/Berlin",
        }
        self._log = (home / "thunderbird.log").open("wb")
        self._process = subprocess.Popen(
            [binary, *_OPTIONS, "--profile", str(self._profile)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._remote = self._connect(port)
        self._prepare(account, reader)

    def open_newest(self, marker: str) -> Shown:
        """Fetch the inbox, select its newest message, wait until ``marker`` is in the body."""
        return Shown(**self._remote.run(_OPEN, marker, self._timeout - 5))

    def screenshot(self, path: Path) -> None:
        """The main window as a PNG file."""
        path.write_bytes(base64.b64decode(self._remote.screenshot()))

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script inside."""
        return self._remote.run(script, *arguments)

    def close(self) -> None:
        """End it, and wait until it has ended."""
        try:
            self._remote.quit()
        except (OSError, EOFError, RuntimeError):
            self._remote.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._log.close()

    def _connect(self, port: int) -> Marionette:
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                return Marionette(port, self._timeout)
            except ConnectionRefusedError:
                time.sleep(0.1)  # nothing to wait on but the port itself
        raise AssertionError("Thunderbird does not start")

    def _trust(self, ca_file: Path) -> None:
        database = f"sql:{self._profile}"
        for command in (
            ["certutil", "-N", "-d", database, "--empty-password"],
            ["certutil", "-A", "-d", database, "-n", "test-ca", "-t", "C,,", "-i", str(ca_file)],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=30)

    def _write_preferences(self, account: DovecotAccount, reader: Reader, port: int) -> None:
        preferences: dict[str, object] = {
            **_QUIET,
            **_CLOSED,
            "marionette.port": port,
            "mail.accountmanager.accounts": "account1,account2",
            "mail.accountmanager.defaultaccount": "account1",
            "mail.accountmanager.localfoldersserver": "server2",
            "mail.account.account1.server": "server1",
            "mail.account.account1.identities": "id1",
            "mail.account.account2.server": "server2",
            "mail.server.server1.type": "imap",
            "mail.server.server1.name": "praxis",
            "mail.server.server1.hostname": account.host,
            "mail.server.server1.port": account.port,
            "mail.server.server1.socketType": 3,
            "mail.server.server1.authMethod": 3,
            "mail.server.server1.userName": account.username,
            "mail.server.server1.check_new_mail": False,
            # else the question for the password stands in the way of the remote control
            "mail.server.server1.login_at_startup": False,
            "mail.server.server2.type": "none",
            "mail.server.server2.name": "Local Folders",
            "mail.server.server2.hostname": "Local Folders",
            "mail.server.server2.userName": "nobody",
            "mail.identity.id1.fullName": "Frau Müller",
            "mail.identity.id1.useremail": account.username,
            "mail.identity.id1.valid": True,
            "mail.identity.id1.openpgp_key_id": reader.fingerprint[-16:],
        }
        lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in preferences.items()]
        (self._profile / "user.js").write_text("\n".join(lines) + "\n")

    def _prepare(self, account: DovecotAccount, reader: Reader) -> None:
        gpg = [
            "gpg",
            "--homedir",
            str(reader.homedir),
            "--no-options",
            "--batch",
            "--pinentry-mode",
            "loopback",
        ]
        gpg += ["--passphrase", "", "--armor", "--export-secret-keys", reader.fingerprint]
        secret = subprocess.run(gpg, check=True, capture_output=True, timeout=30).stdout.decode()
        self._remote.run(_PREPARE, account.username, account.password, secret, reader.fingerprint[-16:])


_PREPARE = """
const [username, password, secret, keyId] = args;
const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
login.init("imap://localhost", null, "imap://localhost", username, password, "", "");
await Services.logins.addLoginAsync(login);
const { RNP } = ChromeUtils.importESModule("chrome://openpgp/content/modules/RNP.sys.mjs");
const { BondOpenPGP } = ChromeUtils.importESModule("chrome://openpgp/content/BondOpenPGP.sys.mjs");
await BondOpenPGP.init();
const imported = await RNP.importSecKeyBlockImpl(null, () => ({password: ""}), false, secret);
if (imported.exitCode !== 0) throw new Error("key not imported: " + imported.errorMsg);
"""

_OPEN = """
const [marker, seconds] = args;
const win = Services.wm.getMostRecentWindow("mail:3pane");
const until = Date.now() + seconds * 1000;
const pause = milliseconds => new Promise(go => win.setTimeout(go, milliseconds));
// asks again and again; a program that is still starting may forget what it was told, so that is repeated
const wait = async (what, ask, action, every = 20) => {
  for (let round = 0, due = 0; ; round++) {
    if (action && round === due) {
      action();
      due = 2 * due + every;
    }
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > until) throw new Error("waited in vain for " + what);
    await pause(50);
  }
};
await win.delayedStartupPromise;
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const server = MailServices.accounts.accounts.map(a => a.incomingServer).find(s => s.type === "imap");
const inbox = await wait("the inbox", () => server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox));
await wait("the mail", () => inbox.getTotalMessages(false) > 0, () => server.performBiff(null));
const about3Pane = await wait("the window", () => {
  const pane = win.document.getElementById("tabmail").currentAbout3Pane;
  return pane && pane.document.readyState === "complete" && pane.displayFolder && pane;
});
const rows = () => (about3Pane.gDBView ? about3Pane.gDBView.rowCount : 0);
const view = () => about3Pane.messageBrowser.contentWindow;
const pane = () => view().getMessagePaneBrowser().contentDocument;
const at = id => view().document.getElementById(id);
let newest;
const select = () => {
  if (!rows()) return about3Pane.displayFolder(inbox.URI);
  const keys = Array.from({ length: rows() }, (_, row) => about3Pane.gDBView.getKeyAt(row));
  newest = keys.indexOf(Math.max(...keys));
  about3Pane.threadTree.selectedIndex = -1;
  about3Pane.threadTree.selectedIndex = newest;
};
const complete = () => rows() && view() && pane() && pane().body &&
  pane().body.textContent.includes(marker) && at("encryptedHdrIcon").src &&
  at("attachmentList").itemCount > 0;
await wait("the opened message", complete, select, 40);
const listed = await wait("the subject in the list", () => {
  const header = about3Pane.gDBView.getMsgHdrAt(newest);
  return header.mime2DecodedSubject !== "..." && header.mime2DecodedSubject;
});
return {
  subject: at("expandedsubjectBox").textContent.trim().replace(/^Subject:?\\s*/, ""),
  list_subject: listed,
  sender: at("expandedfromBox").textContent.trim(),
  text: pane().querySelector(".moz-text-plain").textContent,
  pane: pane().body.innerHTML,
  attachments: Array.from(at("attachmentList").children, item => item.getAttribute("name")),
  encryption: at("encryptedHdrIcon").src,
};
"""
