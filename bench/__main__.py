"""``make bench``: every measurement beside a baseline of the same run. Machines differ; read the ratios."""

from __future__ import annotations

import subprocess
import sys

for name, words in (
    ("submissions", "one submission, beside a handler that only parses the same form"),
    ("seal", "sealing in process, and by gpg"),
    ("spool", "putting into the spool, singly and in groups, beside plain files"),
):
    print(f"\n{name}: {words}\n", flush=True)
    subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)
