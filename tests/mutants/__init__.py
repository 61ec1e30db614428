"""Sabotage: each mutant breaks one promise in a copy of the tree, and the tests named beside it must fail.

A harness that cannot fail shows nothing. ``python -m tests.mutants`` applies all and prints a table.
"""
