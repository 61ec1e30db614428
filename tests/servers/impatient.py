"""``relay`` with short deadlines towards mailboxes, put before the command of the real one.

Deadlines are no setting: whoever runs a relay need not weigh them. A test has no minute for each server. A
number before the command is the upper end of every pause, in seconds; options there are for ``serve``.
"""

from __future__ import annotations

import sys

from relay import schedule
from relay.cli import main
from relay.delivery import Delivery
from relay.mailbox import Patience

PATIENCE = Patience(
    connect=2.0, login=2.0, command=2.0, append=2.0, rate=1_000_000.0, farewell=0.5, settle=0.0
)

if __name__ == "__main__":
    assert Delivery.__init__.__kwdefaults__ is not None
    Delivery.__init__.__kwdefaults__["patience"] = PATIENCE
    if sys.argv[1].replace(".", "").isdecimal():
        schedule.FIRST = schedule.LONGEST = float(sys.argv[1])
    command = sys.argv.index("relay")
    main(sys.argv[command + 1 :] + [word for word in sys.argv[:command] if word.startswith("--")])
