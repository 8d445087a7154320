"""The command `check`: whether a tester can work.

`check` and `probes` read; the other modules judge what was read, one finding each, and do no I/O.
"""
