"""Hypothesis profiles for every test: ``--hypothesis-profile dev | ci | fuzz | replay | threads``."""

from machines import profiles

profiles.register()
