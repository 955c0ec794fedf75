"""The schema's history, as alembic wants it."""
