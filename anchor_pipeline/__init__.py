"""Controlled supply chain for training data: mixes that cannot be built, read or trusted unless every rule holds."""

__version__ = "0.1.0"
