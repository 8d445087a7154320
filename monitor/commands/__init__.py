"""The commands: each puts the parts together for one purpose, and returns an exit code."""
