"""The only reader of relay.yaml, forms/, keys/ and tenants/: one ``Config``, or every mistake at once.

``document`` reads a file (``composing`` its YAML, each value at its ``place``); ``settings`` and
``relay.form`` say what may stand there, ``words`` says what does not. A ``practice`` has ``mailboxes``,
``keys`` and ``forms`` (whose ``patterns`` stay small), and so has each of the ``tenants``; ``visitors`` tries
out the certificate; ``reading`` does it all.

A ``Config`` is without mistakes, and nothing downstream checks it again. ``load`` gives one only where there
is none at all; the daemon, and who tries out a form, take what is ``servable``, so that no tenant's mistake
and no key's end stops others.
"""

from relay.config.context import Look
from relay.config.listener import Listener
from relay.config.reading import Survey, gpg_program, load, state_folder, survey
from relay.config.schema import schema_of
from relay.config.values import Broken, Config, Sealing, Tls

__all__ = [
    "Broken", "Config", "Listener", "Look", "Sealing", "Survey", "Tls",
    "gpg_program", "load", "schema_of", "state_folder", "survey",
]  # fmt: skip
