"""Long runs: worker processes of bounded memory that try the same tests with other seeds, over one shared database.

The coordinator (``coordinator``) says which test runs next with which seed (``plan``), keeps what it is told (``state``, ``distinct``,
``failures``), shows it (``dashboard``), and writes it down (``summary``, ``page``). A worker (``worker``) is one process with one
pytest session (``session``): it runs batches of Hypothesis tests (``examples``) and of scenarios (``scenarios``), and tells over a pipe
(``channel``) what is new (``watch``, ``behaviours``). Nobody holds anything that a SIGKILL could lose: Hypothesis saves a failing
example before it shrinks it, and the state file is replaced as a whole.
"""
