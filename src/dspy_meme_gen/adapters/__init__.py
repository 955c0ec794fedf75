"""The adapters: what the ports are made of when nothing but Python is at hand."""
