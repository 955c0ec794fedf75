"""The actors of the pipeline, one a file. They talk in the values of `messages`, through an Address each, and never wait for another."""
