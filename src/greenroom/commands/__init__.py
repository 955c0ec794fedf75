"""Subcommands of the command line that are files of their own."""
