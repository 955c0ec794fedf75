"""What the machines feed the pipeline: requests of every kind, scripted worlds, faults.

requests     valid ones, from pools so small that duplicates, equal payloads and conflicts happen by themselves
boundary     the edges of every rule, by name
malicious    attacks, by name
documents    JSON texts that are hostile before they are requests
from_schema  requests from the JSON schema, and requests that break it (hypothesis-jsonschema, repaired)
worlds       content functions that follow a script, the same for the service's ports and for the model
faults       which port fails, how often, and which actor dies
classes      CLASSES, SEQUENCES and DOCUMENTS: every named kind in one table each
"""
