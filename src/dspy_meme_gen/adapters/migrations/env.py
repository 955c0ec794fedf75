"""How alembic runs the migrations: on the connection that `schema.prepare` holds, inside its transaction."""

from alembic import context

from dspy_meme_gen.adapters.schema import METADATA

connection = context.config.attributes["connection"]
# SQLite can alter little of a table; alembic then makes a new one and moves the rows over.
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True, transactional_ddl=False)
context.run_migrations()
