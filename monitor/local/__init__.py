"""The local platform, which runs the node as a child process on this machine."""
