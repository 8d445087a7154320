"""Everything that the monitor knows of Kubernetes.

`credentials` finds the API server.  It alone imports the `kubernetes` client, where there is a kubeconfig to read.
`api` sends the calls, and `calls` says what each answer means.  `objects` turns JSON into values, `cluster` has the
operations, and `platform` runs a node in the monitor's own pod.
"""
