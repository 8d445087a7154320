"""Pure values and calculations.

The package imports the standard library only.  It does no I/O, reads no clock, and knows neither Kubernetes nor the
names of AvalancheGo's metrics and log lines.
"""
