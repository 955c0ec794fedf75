"""The reference model of the meme pipeline: what a correct one does, as values and pure functions of the standard library only.

Read it in this order; each module is one rule book and stands on the ones before it:

    values       what goes in and what comes out, by the service's names
    validation   which raw requests are acceptable, and what they become
    world        the content functions and the faults, handed in from outside
    draft, run   a text with what was said of it; one request's dealings with the ports
    generation   one request alone: its outcome and its stages
    cache        LRU with a time to live
    store        records and the outbox
    supervision  how many restarts are too many
    crashes      what a crash does to the calls of a port
    flight       one request among others: every way in which it may end
    calls        what can happen to a pipeline
    state        the pipeline, and the moves that nobody sees
    pipeline     many requests at once: everything that a correct pipeline may do
    events       what is seen of a pipeline from its start to its end
    lifecycle    what it may do, and what its calls may answer, before, during and after a stop

and beside them, for the parts of the service alone:

    breaker      who is let through to a port that fails
    flow         who is taken, who is next, how many are at work
    tree         whom a death takes with it, and when a group has failed itself
    stages       in which order stages may be reported

`reachable` makes every sequence of a few calls of any of them, and holds each move against claims; `specification` makes one a
specification for whoever checks linearizability.

There is no clock, thread, file or random number here. A step function returns every legal (result, next state); what is not among
them is a bug.
"""
