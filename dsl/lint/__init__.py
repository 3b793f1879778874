"""Advice on chains: one file a piece of advice."""
