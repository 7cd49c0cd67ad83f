"""Benchmarks: each measures the house and, side by side in the same run, what it is compared with.

Absolute times mean little on a shared machine; ratios hold. Every benchmark has a server and a folder of its own,
which it removes.
"""
