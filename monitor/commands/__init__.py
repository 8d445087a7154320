"""The commands: each assembles the components for one purpose, and returns an exit code."""
