"""Devices that speak real bytes, each encoded from its data sheet."""
