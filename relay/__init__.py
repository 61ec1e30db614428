"""relay: a form whose answers only the counsellor can read.

A person writes; from the moment they press "send" nobody but the reader may read it, and it may not get lost.
Two paths, which meet only in the spool:

received
    ``web`` takes the request and parses it within limits, ``intake.accept`` does the rest, step by step:
    ``form`` (what is asked), ``submission`` (answers that passed), ``letter`` (the readable mail),
    ``seal`` (OpenPGP, to certificates that ``certificate`` judged usable at this instant),
    ``envelope`` (the sealed message), ``spool`` (durable; only now the visitor is told "received").

delivered
    ``delivery`` claims an envelope from the ``spool``, and ``mailbox`` appends it once over verified TLS:
    done on the tagged OK, else deferred (``schedule`` says until when) or held for a person.

Left of the seal there is plaintext, in memory only; right of it there is ciphertext only, and the code
there has no type for anything else. Beside both: ``alarm`` says what needs a person, and ``notice`` tells a
practice of it in a mail, which is not encrypted and cannot know a submission.

``config`` reads every file, ``daemon`` builds and runs it all, ``cli`` is the sysadmin's door.
"""
