"""A node as a child process on this machine."""
