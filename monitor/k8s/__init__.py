"""Access to Kubernetes.

`credentials` finds the API server. No other module imports the `kubernetes` client, which reads kubeconfig
files. `api` sends calls, and `calls` interprets the responses. `objects` converts JSON to values, `cluster`
has the operations, and `platform` runs a node in the monitor's own pod.
"""
