"""Alert rules for Prometheus, with their generator and tests; see README.md."""
