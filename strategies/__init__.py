"""What the machines feed the pipeline: requests of every kind, scripted worlds, faults.

requests     valid ones, from pools so small that duplicates, equal payloads and conflicts happen by themselves
boundary     the edges of every rule, by name
nasty        a corpus of hostile strings, by class, each with what it is after
assembled    more of the same, put together from parts
malicious    attacks, by name: requests that carry such a string, or worse
documents    JSON texts that are hostile before they are requests
from_schema  requests from the JSON schema, and requests that break it (hypothesis-jsonschema, repaired)
bodies       bodies from the schemas that the service publishes, and bodies that break them
traffic      who comes when: bursts, duplicates, cancels, slow clients
worlds       content functions that follow a script, the same for the service's ports and for the model
faults       which port fails, how often, and which actor dies
classes      CLASSES, SEQUENCES, DOCUMENTS, BODIES and TRAFFIC: every named kind in one table each
"""
