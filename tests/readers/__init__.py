"""The programs counsellors read with, driven as they would be used: Thunderbird, neomutt, notmuch."""
