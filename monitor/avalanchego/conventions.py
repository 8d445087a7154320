"""Names and numbers that AvalancheGo defines, or that all tools for its testers share."""

EXECUTABLE = "avalanchego"
HTTP_PORT = 9650
STAKING_PORT = 9651
NODE_FOLDER = "avalanchego"
"""Folder of a tester's volume that is the node's data directory."""

VERSIONS_ANNOTATION = "avalanche.avax.network/avalanchego-versions"
"""Annotation of the pod template with the output of `--version-json` of the pinned build."""
