"""Metrics of the dialogue tasks, as the data contract defines them: tracking.py (beliefs) and response.py (replies)."""
