"""Dialogues made, checked and read."""
