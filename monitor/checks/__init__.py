"""Whether a tester can work: judgements of what was read of it, one finding each.

`commands.check` reads; nothing here does I/O.  `findings` has their form, `given` what the pod's own commands are
told, `permissions` what must be allowed, `workload` what the cluster is set to run, `answers` what node, monitor
and volume say of themselves.
"""
