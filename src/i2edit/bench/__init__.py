"""Measurements that a command repeats."""
