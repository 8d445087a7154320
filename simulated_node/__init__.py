"""A simulated AvalancheGo: the API, metrics and logs of a real node, which bootstraps in seconds or fails.

It uses only the standard library. `python -m simulated_node` runs it with AvalancheGo's flags and `AVAGO_*`
variables. `python -m simulated_node.build FILE` writes it to one executable file. Its messages, metrics and
responses were compared with recordings of AvalancheGo 1.14.2 and 1.15.0.
"""
