"""The engine: the loop that observes, decides, records and acts, and its background jobs.

Each of the two lists of rules has an observer, which collects all inputs of its rules in one state.  A value
that cannot be read is absent: the workload is `None` if the platform does not answer.  If the node does not
answer, its reading is `NodeDown` or `NodeSilent`.  Only the ledger is required: without it the engine makes
no decision.
"""
