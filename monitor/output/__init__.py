"""Output for operators and programs: text, JSON, log lines, metrics and the status page."""
