"""The pipeline over HTTP: FastAPI routes, problem documents, the page. Nothing here blocks the event loop on an actor."""
