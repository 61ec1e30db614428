"""The judge: what was attempted, what was promised, what arrived, and whether that may be.

``ledger`` writes down every submission before it is attempted and after it is acknowledged, durably, so that
neither a crash of the relay nor one of the test makes it forget. ``verdict`` opens every letter in the
mailbox and compares. A test that ends without a verdict has shown nothing.
"""
