"""HTTP byte by byte: what a strict reader sees in it, connections that say anything, and requests to say.

``reading`` knows RFC 9112 and nothing of the relay; ``talking`` sends what it is given and judges every
answer; ``requests`` makes requests that are almost right (hypothesis).
"""
