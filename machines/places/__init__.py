"""The states of each model by names that a person reads: `label` says in which one a model is, `places` lists what it can come to."""
