"""All code that depends on AvalancheGo's flags, API, metrics, logs and files."""
