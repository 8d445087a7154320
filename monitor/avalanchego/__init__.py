"""Everything that the monitor knows of AvalancheGo: its flags, its API, its metrics, its logs and its files."""
