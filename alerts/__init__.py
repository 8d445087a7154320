"""Alert rules for Prometheus, and what generates and tests them; see README.md."""
