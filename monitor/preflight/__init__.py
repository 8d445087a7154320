"""The command `check`, which reports whether a tester can work.

`check` and `probes` read the setup. The other modules judge it without I/O, and return one finding each.
"""
