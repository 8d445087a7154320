"""Where a node runs, behind one interface: `kubernetes` (beside it in a pod) and `local` (as a child)."""
