"""The embedded netcat: OpenBSD nc's system calls in its order, without the habits that hurt its user.

It uses the standard library only and imports little, because its own system calls are what gets traced. Nothing here
knows about recording. `docs/nc.md` lists every difference from OpenBSD nc with its reason.
"""
