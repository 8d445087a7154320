"""Names and numbers that AvalancheGo defines, or that all tools for its testers share."""

EXECUTABLE = "avalanchego"
HTTP_PORT = 9650
STAKING_PORT = 9651
NODE_FOLDER = "avalanchego"
"""Folder of a tester's volume that is the node's data directory."""

VERSIONS_ANNOTATION = "avalanche.avax.network/avalanchego-versions"
"""Annotation of the pod template with the output of `--version-json` of the pinned build."""

# Flags that users often set, by name without dashes; names that the monitor also has are absent.
COMMON_FLAGS = frozenset(
    {
        *("api-admin-enabled", "bootstrap-ids", "bootstrap-ips", "chain-config-content", "chain-config-dir"),
        *("config-file", "config-file-content", "db-dir", "db-type", "fd-limit", "genesis-file", "http-host"),
        *("http-port", "index-enabled", "log-dir", "log-display-level", "log-level", "network-id"),
        *("partial-sync-primary-network", "plugin-dir", "public-ip", "staking-ephemeral-cert-enabled"),
        *("staking-host", "staking-port", "state-sync-ids", "state-sync-ips", "sybil-protection-enabled"),
        *("track-subnets", "version-json"),
    }
)
