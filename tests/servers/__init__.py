"""Servers that misbehave on purpose, each in a thread of its own, on loopback ports chosen by the kernel."""
