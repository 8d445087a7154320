"""What people and programs see: text, JSON, log lines, metrics and the status page."""
