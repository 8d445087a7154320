"""The engine: observe, decide, record and act, and the jobs beside it.

Each of the two lists of rules has an observer, which reads everything that its rules decide by into one state.
What cannot be read stays absent: a platform that does not answer is no workload, and a node that does not answer is
`NodeDown` or `NodeSilent`.  Only the ledger must answer; without it the engine decides nothing.
"""
