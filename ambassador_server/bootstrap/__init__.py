"""Builds the server: the only package that connects implementations to ports."""
